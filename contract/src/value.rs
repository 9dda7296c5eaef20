//! What the caller's transaction returns: the program's output as JSON.

use near_sdk::{env, json_types::Base64VecU8, serde::Serialize, serde::de::IgnoredAny, serde_json};
use offchainvm_interface::{DataRef, FailureCode, ResponseFormat, Sha256};

/// JSON for the caller, and the digest of the output it stands for.
pub(crate) struct Value {
    pub(crate) json: Vec<u8>,
    pub(crate) output_sha256: Option<Sha256>,
}

/// Why there is no value: a code, and words for it.
type Fault = (FailureCode, String);

/// The output in the format that was asked for.
pub(crate) fn of_output(format: ResponseFormat, output: Vec<u8>) -> Result<Value, Fault> {
    let output_sha256 = Some(Sha256(env::sha256_array(&output)));
    match render(format, output) {
        Ok(json) => Ok(Value { json, output_sha256 }),
        Err(fault) => Err((FailureCode::OutputInvalid, fault)),
    }
}

/// Names an output that is too large for the chain: `{"output_ref": {"sha256": …, "size": …}}` in every format.
pub(crate) fn of_reference(output_ref: DataRef) -> Result<Value, Fault> {
    #[derive(Serialize)]
    #[serde(crate = "near_sdk::serde")]
    struct Reference {
        output_ref: DataRef,
    }
    json(&Reference { output_ref }).map(|json| Value { json, output_sha256: Some(output_ref.sha256) })
}

/// Names a program that was built and kept: `{"wasm_sha256": …}`.
pub(crate) fn of_program(wasm_sha256: Option<Sha256>) -> Result<Value, Fault> {
    #[derive(Serialize)]
    #[serde(crate = "near_sdk::serde")]
    struct Program {
        wasm_sha256: Sha256,
    }
    let Some(wasm_sha256) = wasm_sha256 else {
        return Err((FailureCode::OperatorError, "the operator did not name the program it built".to_owned()));
    };
    json(&Program { wasm_sha256 }).map(|json| Value { json, output_sha256: None })
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| (FailureCode::OperatorError, error.to_string()))
}

fn render(format: ResponseFormat, output: Vec<u8>) -> Result<Vec<u8>, String> {
    match format {
        ResponseFormat::Text => {
            let text = String::from_utf8(output).map_err(|error| format!("the output is not UTF-8: {error}"))?;
            serde_json::to_vec(&text).map_err(|error| error.to_string())
        }
        ResponseFormat::Json => match serde_json::from_slice::<IgnoredAny>(&output) {
            Ok(_) => Ok(output),
            Err(error) => Err(format!("the output is not JSON: {error}")),
        },
        ResponseFormat::Bytes => serde_json::to_vec(&Base64VecU8(output)).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_returns_what_it_says() {
        let json =
            |format, output: &[u8]| String::from_utf8(render(format, output.to_vec())?).map_err(|e| e.to_string());
        assert_eq!(json(ResponseFormat::Text, "h\"é\n".as_bytes()).unwrap(), r#""h\"é\n""#);
        assert_eq!(json(ResponseFormat::Json, br#"{"a": [1, 2]}"#).unwrap(), r#"{"a": [1, 2]}"#);
        assert_eq!(json(ResponseFormat::Bytes, &[0, 255]).unwrap(), r#""AP8=""#);
        assert_eq!(json(ResponseFormat::Text, b"").unwrap(), r#""""#);
    }

    #[test]
    fn output_of_another_format_is_refused() {
        assert!(render(ResponseFormat::Text, vec![0xff]).unwrap_err().contains("not UTF-8"));
        assert!(render(ResponseFormat::Json, b"{".to_vec()).unwrap_err().contains("not JSON"));
        assert!(render(ResponseFormat::Json, Vec::new()).is_err());
    }
}
