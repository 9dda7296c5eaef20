//! Where fetching may lead: over real connections, to a small server on this machine.

use super::*;
use offchainvm_interface::{Sha256, WasmSource, WasmUrl};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
};

/// What a path of the server gives.
#[derive(Clone)]
pub(super) enum Answer {
    /// Git's own server, on the repository in a folder.
    Git(PathBuf),
    Bytes(Vec<u8>),
    Redirect(String),
}

/// Serves over HTTP until the test's process ends: whatever begins with the path.
pub(super) fn serve(answers: Vec<(&'static str, Answer)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answers = answers.clone();
            // A client that goes early is none of the test's business.
            thread::spawn(move || answer(client, &answers).ok());
        }
    });
    address
}

fn answer(mut client: TcpStream, answers: &[(&str, Answer)]) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let mut lines = head.iter().filter_map(|line| line.split_once(": "));
        lines.find(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let (method, target) = (head[0].split(' ').next().unwrap_or(""), head[0].split(' ').nth(1).unwrap_or(""));
    let found = answers.iter().find_map(|(path, answer)| Some((target.strip_prefix(path)?, answer)));
    match found {
        None => client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        Some((rest, Answer::Redirect(to))) => {
            let text =
                format!("HTTP/1.1 302 Found\r\nLocation: {to}{rest}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            client.write_all(text.as_bytes())
        }
        Some((_, Answer::Bytes(bytes))) => {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            client.write_all(text.as_bytes())?;
            client.write_all(bytes)
        }
        Some((rest, Answer::Git(folder))) => {
            let mut body = vec![0; header("Content-Length").parse().unwrap_or(0)];
            reader.read_exact(&mut body)?;
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let mut git = Command::new("git");
            git.arg("http-backend").env("GIT_HTTP_EXPORT_ALL", "1").env("GIT_PROJECT_ROOT", folder);
            git.env("PATH_INFO", format!("/.git{path}")).env("QUERY_STRING", query).env("REQUEST_METHOD", method);
            git.env("CONTENT_TYPE", header("Content-Type")).env("GIT_PROTOCOL", header("Git-Protocol"));
            git.env("HTTP_CONTENT_ENCODING", header("Content-Encoding")).env("REMOTE_ADDR", "127.0.0.1");
            git.env("CONTENT_LENGTH", body.len().to_string());
            let mut child = git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
            child.stdin.take().unwrap().write_all(&body)?;
            let output = child.wait_with_output()?.stdout;
            client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")?;
            client.write_all(&output)
        }
    }
}

fn shop(private_hosts: &[&str]) -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let config = BuildConfig {
        allowed_protocols: vec![Protocol::Https, Protocol::Http],
        private_hosts: private_hosts.iter().map(|host| (*host).to_owned()).collect(),
        max_wasm_mb: 1,
        ..BuildConfig::default()
    };
    Shop { builder: Builder::new(config, folder.path()).unwrap(), folder }
}

#[tokio::test]
async fn a_repository_is_fetched_over_http_and_redirects_lead_to_allowed_addresses_only() {
    let mut repo = hello();
    repo.commit_all("served").unwrap();
    let inner = serve(vec![("/r", Answer::Git(repo.path().to_owned()))]);
    let outer = serve(vec![
        ("/allowed", Answer::Redirect(format!("http://127.0.0.1:{}/r", inner.port()))),
        ("/inner", Answer::Redirect(format!("http://127.0.0.2:{}/r", inner.port()))),
        ("/name", Answer::Redirect(format!("http://localhost:{}/r", inner.port()))),
    ]);
    let shop = shop(&["127.0.0.1"]);
    let built = shop.build(&source_at(&format!("http://{inner}/r"), &repo.commit)).await.unwrap();
    let redirected = shop.build(&source_at(&format!("http://{outer}/allowed"), &repo.commit)).await.unwrap();
    assert_eq!(redirected.digest, built.digest);
    for (path, host) in [("inner", "127.0.0.2"), ("name", "localhost")] {
        let (code, message) = shop.verdict(&source_at(&format!("http://{outer}/{path}"), &repo.commit)).await;
        assert_eq!(code, FailureCode::RepoNotAllowed, "{message}");
        assert!(message.contains(&format!("{host} has a private address")), "{message}");
    }
    // An abbreviation is looked up over the same way.
    let short = shop.build(&source_at(&format!("http://{inner}/r"), &repo.commit[..8])).await.unwrap();
    assert_eq!(short, found(&built));
}

#[tokio::test]
async fn private_addresses_are_refused_by_default() {
    let repo = hello();
    let server = serve(vec![("/r", Answer::Git(repo.path().to_owned()))]);
    let shop = shop(&[]);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/r", server.port());
        let (code, message) = shop.verdict(&source_at(&url, &repo.commit)).await;
        assert_eq!(code, FailureCode::RepoNotAllowed, "{message}");
        assert!(message.contains(&format!("{host} has a private address")), "{message}");
    }
    assert_eq!(shop.verdict(&source_at("https://10.1.2.3/r", &repo.commit)).await.0, FailureCode::RepoNotAllowed);
}

const PROGRAM: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

fn wasm_source(bytes: &[u8], url: &str, build_target: Option<BuildTarget>) -> (WasmSource, WasmUrl) {
    use sha2::Digest;
    let url = WasmUrl::new(url).unwrap();
    let wasm_sha256 = Sha256(sha2::Sha256::digest(bytes).into());
    (WasmSource { wasm_sha256, url: Some(url.clone()), build_target }, url)
}

#[tokio::test]
async fn a_program_that_is_built_already_is_fetched_if_it_is_what_was_asked_for() {
    let program = wat::parse_str(PROGRAM).unwrap();
    let large = vec![0; (1 << 20) + 1];
    let server = serve(vec![
        ("/program", Answer::Bytes(program.clone())),
        ("/large", Answer::Bytes(large.clone())),
        ("/text", Answer::Bytes(b"no program".to_vec())),
        ("/moved", Answer::Redirect("/program".to_owned())),
        ("/inner", Answer::Redirect("http://127.0.0.2:9/program".to_owned())),
    ]);
    let shop = shop(&["127.0.0.1"]);
    let fetch = async |bytes: &[u8], path: &str, target| {
        let (source, url) = wasm_source(bytes, &format!("http://{server}{path}"), target);
        match shop.builder.fetch(&source, &url, CancellationToken::new()).await {
            Ok(artifact) => Ok(artifact),
            Err(BuildError::Source { code, message }) => Err((code, message)),
            Err(other) => panic!("{other}"),
        }
    };
    let kept = fetch(&program, "/moved", None).await.unwrap();
    assert_eq!(std::fs::read(&kept.path).unwrap(), program);
    assert_eq!(shop.builder.with_digest(kept.digest).await.unwrap(), Some(found(&kept)));

    use FailureCode::{NotWasm, ProgramNotFound, RepoNotAllowed};
    for (bytes, path, target, expected, why) in [
        (&program, "/text", None, ProgramNotFound, "has the digest"),
        (&program, "/nothing", None, ProgramNotFound, "404"),
        (&b"no program".to_vec(), "/text", None, NotWasm, "not WebAssembly"),
        (&program, "/program", Some(BuildTarget::Wasm32Wasip2), NotWasm, "components"),
        (&large, "/large", None, NotWasm, "larger than 1 MiB"),
        (&program, "/inner", None, RepoNotAllowed, "127.0.0.2 has a private address"),
    ] {
        let (code, message) = fetch(bytes, path, target).await.unwrap_err();
        assert!(code == expected && message.contains(why), "{path}: {code} {message}");
    }
    let (source, url) = wasm_source(&program, &format!("http://{server}/program"), None);
    let careful = Shop::new();
    match careful.builder.fetch(&source, &url, CancellationToken::new()).await {
        Err(BuildError::Source { code: RepoNotAllowed, message }) => assert!(message.contains("by http"), "{message}"),
        other => panic!("{other:?}"),
    }
}
