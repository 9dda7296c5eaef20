//! Markdown into HTML.

use pulldown_cmark::{Options, Parser, html};
use std::io;

fn main() -> io::Result<()> {
    let text = io::read_to_string(io::stdin())?;
    let mut page = String::new();
    html::push_html(&mut page, Parser::new_ext(&text, Options::ENABLE_TABLES));
    print!("{page}");
    Ok(())
}
