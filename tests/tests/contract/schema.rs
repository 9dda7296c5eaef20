//! Whether JSON fits a JSON schema, as far as the contract's ABI uses them. Patterns and formats are passed over.

use serde_json::{Map, Value, json};

/// What of `value` does not fit `schema`, whose references lead into `definitions`.
pub fn misfit(schema: &Value, value: &Value, definitions: &Value) -> Option<String> {
    let Value::Object(rules) = schema else {
        return (schema != &json!(true)).then(|| format!("{schema} is no schema"));
    };
    rules.iter().find_map(|(rule, wanted)| breach(rules, rule, wanted, value, definitions))
}

fn breach(
    rules: &Map<String, Value>,
    rule: &str,
    wanted: &Value,
    value: &Value,
    definitions: &Value,
) -> Option<String> {
    let fits = |schema: &Value| misfit(schema, value, definitions).is_none();
    let holds = match rule {
        "description" | "default" | "format" | "pattern" => true,
        "$ref" => {
            let name = wanted.as_str()?.strip_prefix("#/definitions/")?;
            return misfit(&definitions[name], value, definitions);
        }
        "allOf" => list(wanted).iter().all(fits),
        "anyOf" => list(wanted).iter().any(fits),
        "oneOf" => list(wanted).iter().filter(|schema| fits(schema)).count() == 1,
        "enum" => list(wanted).contains(value),
        "type" => wanted == type_of(value) || wanted.as_array().is_some_and(|all| all.contains(&json!(type_of(value)))),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= wanted.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.len() as u64 <= wanted.as_u64().unwrap()),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
        "items" => return value.as_array()?.iter().find_map(|item| misfit(wanted, item, definitions)),
        "required" => value
            .as_object()
            .is_none_or(|fields| list(wanted).iter().all(|name| fields.contains_key(name.as_str().unwrap()))),
        "properties" => {
            return value.as_object()?.iter().find_map(|(name, field)| misfit(wanted.get(name)?, field, definitions));
        }
        "additionalProperties" => {
            assert_eq!(wanted, &json!(false));
            value.as_object().is_none_or(|fields| fields.keys().all(|name| rules["properties"].get(name).is_some()))
        }
        unknown => panic!("this reader of schemas does not know {unknown}"),
    };
    (!holds).then(|| format!("{value} breaks {rule}: {wanted}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The schemas' name of a value's type.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
