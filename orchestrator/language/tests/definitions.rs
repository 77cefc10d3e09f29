//! Whole definitions: what they compile to, what is found wrong with them, and where.

use baton_language::program::{
    CsvHeaders, InputType, ItemSource, Percentage, StateKind, TextSource, Transformation, WaitFor,
};
use baton_language::{Diagnostic, Severity, compile, compile_express};
use proptest::prelude::*;
use serde_json::{Value, json};

fn findings(definition: &Value) -> Vec<String> {
    let show = |d: &Diagnostic| format!("{} {}: {}", d.code, d.location, d.message);
    match compile(&definition.to_string()) {
        Ok((_, found)) => found.iter().map(show).collect(),
        Err(found) => {
            assert!(found.iter().any(|d| d.severity == Severity::Error));
            found.iter().map(show).collect()
        }
    }
}

/// A machine of one state, `S`, with `other` states beside it.
fn machine(state: Value) -> Value {
    json!({"StartAt": "S", "States": {"S": state}})
}

#[test]
fn every_type_of_state_compiles() {
    let task = "arn:aws:states:::baton:task.resize";
    let leaf = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Succeed"}}});
    let definition = json!({
        "Comment": "all", "StartAt": "Pass", "TimeoutSeconds": 60, "States": {
            "Pass": {"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.p", "Next": "Task"},
            "Task": {"Type": "Task", "Resource": task, "Parameters": {"t.$": "$$.Execution.Id"}, "TimeoutSeconds": 5,
                "HeartbeatSecondsPath": "$.h", "ResultSelector": {"x.$": "$.y"}, "ResultPath": null, "Next": "Choice",
                "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 1.5}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Fail"}]},
            "Choice": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "Wait"}], "Default": "Fail"},
            "Wait": {"Type": "Wait", "Timestamp": "2024-01-01T00:00:00Z", "InputPath": null, "Next": "Parallel"},
            "Parallel": {"Type": "Parallel", "Branches": [leaf("B1"), leaf("B2")], "Next": "Map"},
            "Map": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "Parameters": {"i.$": "$$.Map.Item.Index"},
                "Iterator": leaf("I"), "Next": "Lambda"},
            "Lambda": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": true},
            "Fail": {"Type": "Fail", "Error": "E", "CausePath": "States.Format('{}', $.c)"}
        }
    });
    let (program, warnings) = compile(&definition.to_string()).expect("a right definition");
    assert_eq!(warnings, []);
    let names: Vec<&str> = program.states.iter().map(|state| &*state.name).collect();
    assert_eq!(
        names,
        [
            "Pass", "Task", "Choice", "Wait", "Parallel", "B1", "B2", "Map", "I", "Lambda", "Fail"
        ]
    );
    assert_eq!(
        program
            .queues()
            .iter()
            .map(|queue| &**queue)
            .collect::<Vec<_>>(),
        ["lambda.f", "resize"]
    );
    assert!(program.reads_context);
    let state = |name: &str| program.state(program.find(name).expect(name));
    assert_eq!(state("Pass").next, program.find("Task"));
    assert!(
        state("Task").result_path.is_none()
            && state("Task").retry.len() == 2
            && state("Wait").input_path.is_none()
    );
    assert!(matches!(
        &state("Wait").kind,
        StateKind::Wait(WaitFor::Timestamp(1_704_067_200_000))
    ));
    assert!(matches!(
        &state("Fail").kind,
        StateKind::Fail {
            cause: Some(TextSource::Path(_)),
            ..
        }
    ));
    let StateKind::Parallel { branches } = &state("Parallel").kind else {
        panic!("not a Parallel state")
    };
    assert_eq!(
        branches
            .iter()
            .map(|id| &*program.state(*id).name)
            .collect::<Vec<_>>(),
        ["B1", "B2"]
    );
    let StateKind::Map(map) = &state("Map").kind else {
        panic!("not a Map state")
    };
    assert_eq!(&*program.state(map.processor).name, "I");
    assert!(state("Map").parameters.is_none() && map.item_selector.is_some());
}

#[test]
fn the_context_is_read_only_where_it_is_named() {
    let reads = |state: Value| {
        compile(&machine(state).to_string())
            .expect("right")
            .0
            .reads_context
    };
    assert!(!reads(
        json!({"Type": "Pass", "Parameters": {"a.$": "$.b", "c": "$$.x"}, "End": true})
    ));
    assert!(reads(
        json!({"Type": "Pass", "Parameters": {"a": [{"b.$": "States.Array($$.Execution)"}]}, "End": true})
    ));
    assert!(reads(
        json!({"Type": "Pass", "InputPath": "$$.Execution.Input", "End": true})
    ));
    assert!(reads(
        json!({"Type": "Wait", "SecondsPath": "$$.Execution.Input.s", "End": true})
    ));
    assert!(reads(json!({"Type": "Fail", "ErrorPath": "$$.State.Name"})));
}

#[test]
fn all_faults_are_found_at_once_in_the_order_of_the_text() {
    let definition = json!({
        "StartAt": "A", "States": {
            "A": {"Type": "Task", "Resource": "nonsense", "Next": "Nowhere", "Colour": 1},
            "B": {"Type": "Wait", "Timestamp": "today", "End": true},
            "C": {"Type": "Pass", "Parameters": {"x": [{"y.$": "oops"}]}, "InputPath": "oops", "End": true},
        }
    });
    let found = findings(&definition);
    let heads: Vec<&str> = found
        .iter()
        .map(|text| text.split(": ").next().unwrap_or_default())
        .collect();
    assert_eq!(
        heads,
        [
            "SCHEMA_VALIDATION_FAILED /States/A",
            "SCHEMA_VALIDATION_FAILED /States/A/Resource",
            "MISSING_TRANSITION_TARGET /States/A/Next",
            "MISSING_TRANSITION_TARGET /States/B",
            "SCHEMA_VALIDATION_FAILED /States/B/Timestamp",
            "MISSING_TRANSITION_TARGET /States/C",
            "SCHEMA_VALIDATION_FAILED /States/C/Parameters",
            "SCHEMA_VALIDATION_FAILED /States/C/InputPath",
        ],
        "{found:#?}"
    );
}

#[test]
fn faults_are_worded_and_placed_as_aws_does() {
    let check = |definition: Value, expected: &str| assert_eq!(findings(&definition), [expected]);
    check(
        json!({"States": {"S": {"Type": "Pass", "End": true}}}),
        "SCHEMA_VALIDATION_FAILED /: These fields are required: [StartAt]",
    );
    check(
        json!({"StartAt": "S"}),
        "SCHEMA_VALIDATION_FAILED /: These fields are required: [States]",
    );
    check(
        machine(json!({"Type": "Wait", "Timestamp": "2016-12-05 21:29:29Z", "End": true})),
        "SCHEMA_VALIDATION_FAILED /States/S/Timestamp: String does not match RFC3339 timestamp",
    );
    check(
        machine(json!({"Type": "Pass", "Catch": [], "End": true})),
        "SCHEMA_VALIDATION_FAILED /States/S: Field 'Catch' is not supported",
    );
    check(
        machine(json!({"Type": "Pass", "Output": 1, "End": true})),
        "SCHEMA_VALIDATION_FAILED /States/S: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the \
         'JSONata' QueryLanguage",
    );
    check(
        json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}),
        "MISSING_END_STATE : Workflow has no terminal state",
    );
    check(
        machine(
            json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Credentials": {"Role": "r"}, "End": true}),
        ),
        "SCHEMA_VALIDATION_FAILED /States/S/Credentials: The field 'RoleArn' is required but was missing",
    );
    check(
        machine(json!({"Type": "Pass", "QueryLanguage": "jsonpath", "End": true})),
        "SCHEMA_VALIDATION_FAILED /States/S/QueryLanguage: Value should be one of the following: [JSONPath, JSONata]",
    );
    check(
        machine(
            json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"v": "{% phone %}"}, "End": true}),
        ),
        "UNSUPPORTED_JSONATA_EXPRESSION /States/S/Output/v: Reference to 'phone' at the top level is not supported.",
    );
    check(
        machine(
            json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"v": "{% $a[1,2) %}"}, "End": true}),
        ),
        "INVALID_JSONATA_EXPRESSION /States/S/Output/v: Expected \"]\", got \",\"",
    );
    check(
        machine(
            json!({"Type": "Parallel", "Assign": {"x": 1}, "End": true, "Branches": [{"StartAt": "I", "States": {
            "I": {"Type": "Pass", "Assign": {"x.$": "$", "y": 1}, "End": true}}}]}),
        ),
        "DUPLICATE_VARIABLE_NAME /States/S/Branches[0]/States/I/Assign/x: The variable name 'x' was already defined in a parent scope.",
    );
    check(
        machine(json!({"Type": "Parallel", "Branches": [], "End": true})),
        "SCHEMA_VALIDATION_FAILED /States/S/Branches: Value cannot be empty",
    );
    check(
        machine(
            json!({"Type": "Map", "ItemProcessor": machine(json!({"Type": "Succeed"})), "End": true}),
        ),
        "DUPLICATE_STATE_NAME /States/S/ItemProcessor/States/S: Duplicate State name: S",
    );
}

/// A distributed Map with these fields beside its processor.
fn distributed(fields: Value) -> Value {
    let mut map = json!({"Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "I", "States": {"I": {"Type": "Succeed"}}}});
    let own = map.as_object_mut().expect("an object");
    own.extend(fields.as_object().expect("an object").clone());
    machine(map)
}

#[test]
fn a_distributed_map_is_read_whole() {
    let definition = distributed(json!({
        "Label": "Orders", "ToleratedFailurePercentage": 12.5,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.k"},
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"],
                "CSVDelimiter": "PIPE", "MaxItemsPath": "$.max"}},
        "ItemBatcher": {"MaxItemsPerBatch": 10, "MaxInputBytesPerBatchPath": "$.bytes", "BatchInput": {"t.$": "$.t"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"},
            "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"}}
    }));
    let (program, _) = compile(&definition.to_string()).expect("a right definition");
    let StateKind::Map(map) = &program.states[0].kind else {
        panic!("not a Map state")
    };
    let found = map.distributed.as_ref().expect("distributed");
    assert!(found.express && found.label.as_deref() == Some("Orders"));
    let reader = found.reader.as_ref().expect("a reader");
    assert_eq!(
        (reader.source, reader.input_type),
        (ItemSource::Object, Some(InputType::Csv))
    );
    assert_eq!(
        reader.headers,
        CsvHeaders::Given(vec!["a".into(), "b".into()])
    );
    assert_eq!((reader.delimiter, reader.flatten), (b'|', false));
    assert!(reader.max_items.is_some() && reader.arguments.is_some());
    let batcher = found.batcher.as_ref().expect("a batcher");
    assert!(batcher.max_items.is_some() && batcher.max_bytes.is_some() && batcher.input.is_some());
    let writer = found.writer.as_ref().expect("a writer");
    assert_eq!(writer.destination, Some(false));
    assert!(writer.json_lines && writer.transformation == Transformation::Flatten);
    assert!(matches!(map.tolerated_failure_percentage, Some(Percentage::Fixed(p)) if p == 12.5));
}

#[test]
fn what_a_distributed_map_cannot_have_is_refused() {
    let reader = |config: Value| {
        json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": config}})
    };
    for (fields, location, word) in [
        (
            json!({"Label": "a b"}),
            "/States/S/Label",
            "can't be a label",
        ),
        (
            json!({"Label": "l".repeat(41)}),
            "/States/S/Label",
            "1 to 40 characters",
        ),
        (
            json!({"ToleratedFailurePercentage": 100.5}),
            "/States/S/ToleratedFailurePercentage",
            "from 0 to 100",
        ),
        (
            json!({"ItemReader": {}}),
            "/States/S/ItemReader",
            "[Resource]",
        ),
        (
            json!({"ItemReader": {"Resource": "arn:aws:states:::sqs:read"}}),
            "/States/S/ItemReader/Resource",
            "can't be read",
        ),
        (
            reader(json!({})),
            "/States/S/ItemReader/ReaderConfig",
            "[InputType]",
        ),
        (
            reader(json!({"InputType": "PARQUET"})),
            "/States/S/ItemReader/ReaderConfig/InputType",
            "PARQUET",
        ),
        (
            reader(json!({"InputType": "XML"})),
            "/States/S/ItemReader/ReaderConfig/InputType",
            "is not one of JSON",
        ),
        (
            reader(json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN"})),
            "/States/S/ItemReader/ReaderConfig",
            "[CSVHeaders]",
        ),
        (
            json!({"ItemBatcher": {}}),
            "/States/S/ItemBatcher",
            "MaxItemsPerBatch",
        ),
        (
            json!({"ResultWriter": {}}),
            "/States/S/ResultWriter",
            "'Resource' and 'Parameters'",
        ),
        (
            json!({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject"}}),
            "/States/S/ResultWriter",
            "'Resource' and 'Parameters'",
        ),
        (
            json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {}}}),
            "/States/S/ItemReader",
            "'Arguments'",
        ),
    ] {
        let found = findings(&distributed(fields.clone()));
        let head = format!("SCHEMA_VALIDATION_FAILED {location}: ");
        assert!(
            found
                .iter()
                .any(|text| text.starts_with(&head) && text.contains(word)),
            "{fields}: {found:#?}"
        );
    }
}

#[test]
fn the_inline_mode_has_no_fields_of_the_distributed_one() {
    let leaf = json!({"StartAt": "I", "States": {"I": {"Type": "Succeed"}}});
    let map =
        json!({"Type": "Map", "ItemProcessor": leaf, "ItemReader": {}, "Label": "l", "End": true});
    let found = findings(&machine(map));
    for name in ["ItemReader", "Label"] {
        let text = format!(
            "SCHEMA_VALIDATION_FAILED /States/S: Field '{name}' is not supported for the mode 'INLINE'"
        );
        assert!(found.contains(&text), "{found:#?}");
    }
    assert!(compile_express(&distributed(json!({})).to_string()).is_err());
}

#[test]
fn an_express_machine_cannot_wait_for_a_token() {
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish.waitForTaskToken", "End": true});
    let found = compile_express(&machine(state.clone()).to_string()).expect_err("accepted");
    assert_eq!(found[0].location, "/States/S/Resource");
    assert!(compile(&machine(state).to_string()).is_ok());
}

#[test]
fn nesting_and_numbers_of_findings_are_bounded() {
    let deep = (0..60).fold(json!({"Type": "Succeed"}), |state, i| {
        let name = format!("S{i}");
        json!({"Type": "Parallel", "Branches": [{"StartAt": name, "States": {name: state}}], "End": true})
    });
    assert_eq!(
        findings(&machine(deep)).len(),
        1,
        "refused by the JSON reader's own limit"
    );
    let states: serde_json::Map<String, Value> =
        (0..500).map(|i| (format!("S{i}"), json!({}))).collect();
    assert_eq!(
        findings(&json!({"StartAt": "S0", "States": states})).len(),
        baton_language::limits::DIAGNOSTICS_MAX
    );
}

/// JSON that looks like parts of definitions.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "Pass",
        "Task",
        "Choice",
        "Wait",
        "Succeed",
        "Fail",
        "Parallel",
        "Map",
        "S",
        "T",
        "$",
        "$.a",
        "$$.Task.Token",
        "States.ALL",
        "arn:aws:states:::lambda:invoke",
        "2024-01-01T00:00:00Z",
        "JSONata",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from)
    ];
    let names = prop::sample::select(vec![
        "StartAt",
        "States",
        "S",
        "T",
        "Type",
        "Next",
        "End",
        "Default",
        "Choices",
        "Catch",
        "Retry",
        "ErrorEquals",
        "Variable",
        "And",
        "Not",
        "StringEquals",
        "IsNull",
        "Branches",
        "ItemProcessor",
        "Iterator",
        "Parameters",
        "a.$",
        "ResultPath",
        "InputPath",
        "Seconds",
        "Timestamp",
        "Resource",
        "Result",
        "MaxConcurrency",
        "ProcessorConfig",
        "QueryLanguage",
        "Assign",
    ]);
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..7).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<Value>()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiling_never_panics_on_text(text in ".{0,60}") {
        let _ = compile(&text);
    }

    #[test]
    fn compiling_never_panics_on_json(state in any_json(), other in any_json(), whole in any_json()) {
        let _ = compile(&whole.to_string());
        let definition = json!({"StartAt": "S", "States": {"S": state, "T": other}}).to_string();
        match compile(&definition) {
            Ok((program, found)) => {
                prop_assert!(found.iter().all(|d| d.severity == Severity::Warning));
                prop_assert!(program.states.len() >= 2);
            }
            Err(found) => prop_assert!(found.iter().any(|d| d.severity == Severity::Error)),
        }
    }
}
