//! Reads n, answers the n-th prime number, found by trial division: much arithmetic, little memory.

fn main() {
    let text = std::io::read_to_string(std::io::stdin()).expect("the input is text");
    let wanted: usize = text.trim().parse().expect("the input is a number");
    let prime = (2u64..).filter(|n| is_prime(*n)).nth(wanted.saturating_sub(1)).expect("there is always another prime");
    println!("{prime}");
}

fn is_prime(n: u64) -> bool {
    (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
}
