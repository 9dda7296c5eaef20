//! Adds up the amounts of a JSON array of orders, and gives a JSON object with the keys in order.

use serde_json::{Value, json};
use std::{collections::BTreeMap, error::Error, io};

fn main() -> Result<(), Box<dyn Error>> {
    let orders: Vec<Value> = serde_json::from_reader(io::stdin())?;
    let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
    for order in &orders {
        let item = order["item"].as_str().ok_or("an order without an item")?;
        *totals.entry(item).or_default() += order["amount"].as_i64().ok_or("an order without an amount")?;
    }
    println!("{}", json!({"orders": orders.len(), "totals": totals}));
    Ok(())
}
