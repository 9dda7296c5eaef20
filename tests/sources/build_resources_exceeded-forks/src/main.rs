fn main() {
    println!("never printed");
}
