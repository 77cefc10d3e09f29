//! Distributed Map: where items are read, how they are batched, where results are written.
//!
//! Owns: `Label`, `ItemReader`, `ItemBatcher`, `ResultWriter` (AWS: "Using Map state in Distributed mode"). The inline
//! mode refuses them. Baton's own item sources are `arn:aws:states:::baton:readFile` and `...:readTopic`.

use super::Draft;
use super::map::Mode;
use crate::fields::{Fields, Role};
use crate::limits;
use crate::program::{
    CsvHeaders, Distributed, InputType, ItemBatcher, ItemReader, ItemSource, Language,
    ResultWriter, Transformation,
};
use std::sync::Arc;

/// Fields of a Map that only the distributed mode has.
const FIELDS: &[&str] = &["ItemReader", "ItemBatcher", "ResultWriter", "Label"];
const READER: &[&str] = &["Resource", "ReaderConfig", "Comment"];
const READER_CONFIG: &[&str] = &[
    "InputType",
    "Transformation",
    "ManifestType",
    "CSVHeaderLocation",
    "CSVHeaders",
    "CSVDelimiter",
    "ItemsPointer",
    "MaxItems",
];
const BATCHER: &[&str] = &[
    "MaxItemsPerBatch",
    "MaxInputBytesPerBatch",
    "BatchInput",
    "Comment",
];
const WRITER: &[&str] = &["Resource", "WriterConfig", "Comment"];

/// Reads the fields of the distributed mode; refuses them in the inline mode.
pub(super) fn parse(draft: &mut Draft<'_, '_, '_>, mode: Mode) -> Option<Distributed> {
    let fields = draft.fields;
    let Mode::Distributed { express } = mode else {
        for name in FIELDS.iter().filter(|name| fields.has(name)) {
            let message = format!("Field '{name}' is not supported for the mode 'INLINE'");
            draft.compiler.findings.invalid(fields.place, message);
        }
        return None;
    };
    Some(Distributed {
        express,
        label: label(draft),
        reader: part(draft, "ItemReader", reader),
        batcher: part(draft, "ItemBatcher", batcher),
        writer: part(draft, "ResultWriter", writer),
    })
}

fn part<T>(
    draft: &mut Draft<'_, '_, '_>,
    name: &str,
    read: fn(&mut Draft<'_, '_, '_>, Fields<'_>) -> Option<T>,
) -> Option<T> {
    let object = draft.fields.object(name, &mut draft.compiler.findings)?;
    let place = draft.fields.place.field(name);
    read(draft, Fields::new(object, &place))
}

fn label(draft: &mut Draft<'_, '_, '_>) -> Option<Arc<str>> {
    let findings = &mut draft.compiler.findings;
    let label = draft.fields.text("Label", findings)?;
    let bad =
        |c: char| c.is_whitespace() || c.is_control() || "?*<>{}[]:;,\\|^~$#%&`\"/".contains(c);
    let length = label.chars().count();
    if length == 0 || length > limits::LABEL_LENGTH_MAX || label.contains(bad) {
        let message = format!(
            "'{label}' can't be a label: use 1 to {} characters without whitespace, wildcards and brackets",
            limits::LABEL_LENGTH_MAX
        );
        findings.invalid(&draft.fields.place.field("Label"), message);
    }
    Some(label.into())
}

/// `Parameters` or `Arguments`, by the state's query language.
fn argument_fields(language: Language) -> &'static [&'static str] {
    match language {
        Language::JsonPath => &["Parameters"],
        Language::Jsonata => &["Arguments"],
    }
}

/// The `...Path` form of these fields, in JSONPath alone.
fn path_fields(language: Language, names: &'static [&'static str]) -> &'static [&'static str] {
    match language {
        Language::JsonPath => names,
        Language::Jsonata => &[],
    }
}

fn reader(draft: &mut Draft<'_, '_, '_>, fields: Fields<'_>) -> Option<ItemReader> {
    let arguments_field = argument_fields(draft.language);
    let findings = &mut draft.compiler.findings;
    fields.refuse_unknown(&[READER, arguments_field], findings);
    fields.text("Comment", findings);
    fields.require(&["Resource"], findings);
    let resource = fields.text("Resource", findings);
    let config = fields.object("ReaderConfig", findings);
    let config_place = fields.place.field("ReaderConfig");
    let empty = serde_json::Map::new();
    let config = Fields::new(config.unwrap_or(&empty), &config_place);
    let paths = path_fields(draft.language, &["MaxItemsPath"]);
    config.refuse_unknown(&[READER_CONFIG, paths], findings);
    let input_type = input_type(config, draft);
    let source = source(fields, resource?, draft);
    let arguments = draft.recipe(fields, arguments_field[0], Role::default());
    let max_items = draft.number_in(
        config,
        "MaxItems",
        "MaxItemsPath",
        0..=limits::MAX_ITEMS_MAX,
    );
    let headers = csv_headers(config, draft);
    let flatten = choose(
        config,
        "Transformation",
        &[("NONE", false), ("LOAD_AND_FLATTEN", true)],
        draft,
    );
    let delimiter = choose(
        config,
        "CSVDelimiter",
        &[
            ("COMMA", b','),
            ("PIPE", b'|'),
            ("SEMICOLON", b';'),
            ("SPACE", b' '),
            ("TAB", b'\t'),
        ],
        draft,
    );
    let athena = choose(
        config,
        "ManifestType",
        &[("S3_INVENTORY", false), ("ATHENA_DATA", true)],
        draft,
    );
    let findings = &mut draft.compiler.findings;
    let pointer = config.text("ItemsPointer", findings).map(Arc::from);
    Some(ItemReader {
        source: source?,
        arguments,
        input_type,
        flatten: flatten.unwrap_or(false),
        headers,
        delimiter: delimiter.unwrap_or(b','),
        athena_manifest: athena.unwrap_or(false),
        pointer,
        max_items,
    })
}

fn source(fields: Fields<'_>, resource: &str, draft: &mut Draft<'_, '_, '_>) -> Option<ItemSource> {
    let findings = &mut draft.compiler.findings;
    let source = match resource {
        "arn:aws:states:::s3:getObject" => ItemSource::Object,
        "arn:aws:states:::s3:listObjectsV2" => ItemSource::List,
        "arn:aws:states:::baton:readFile" => ItemSource::File,
        "arn:aws:states:::baton:readTopic" => ItemSource::Topic,
        _ => {
            let message = format!(
                "The resource '{resource}' can't be read: use arn:aws:states:::s3:getObject, s3:listObjectsV2, or Baton's own baton:readFile and baton:readTopic"
            );
            findings.invalid(&fields.place.field("Resource"), message);
            return None;
        }
    };
    let has_type = fields
        .get("ReaderConfig")
        .is_some_and(|config| config.get("InputType").is_some());
    if source == ItemSource::Object && !has_type {
        let place = fields.place.field("ReaderConfig");
        findings.invalid(&place, "These fields are required: [InputType]".to_owned());
    }
    Some(source)
}

fn input_type(config: Fields<'_>, draft: &mut Draft<'_, '_, '_>) -> Option<InputType> {
    if config.get("InputType").and_then(|t| t.as_str()) == Some("PARQUET") {
        let message = "The input type 'PARQUET' isn't supported: convert the file to JSONL or CSV";
        let place = config.place.field("InputType");
        draft.compiler.findings.invalid(&place, message.to_owned());
        return None;
    }
    choose(
        config,
        "InputType",
        &[
            ("JSON", InputType::Json),
            ("JSONL", InputType::JsonLines),
            ("CSV", InputType::Csv),
            ("MANIFEST", InputType::Manifest),
        ],
        draft,
    )
}

fn csv_headers(config: Fields<'_>, draft: &mut Draft<'_, '_, '_>) -> CsvHeaders {
    let given = choose(
        config,
        "CSVHeaderLocation",
        &[("FIRST_ROW", false), ("GIVEN", true)],
        draft,
    );
    let findings = &mut draft.compiler.findings;
    let list = config.list("CSVHeaders", findings);
    if given != Some(true) {
        return CsvHeaders::FirstRow;
    }
    config.require(&["CSVHeaders"], findings);
    let names = list.unwrap_or_default().iter();
    let names: Option<Vec<Arc<str>>> = names.map(|n| n.as_str().map(Arc::from)).collect();
    if names.is_none() {
        let place = config.place.field("CSVHeaders");
        findings.invalid(&place, "Expected a list of names".to_owned());
    }
    CsvHeaders::Given(names.unwrap_or_default())
}

fn batcher(draft: &mut Draft<'_, '_, '_>, fields: Fields<'_>) -> Option<ItemBatcher> {
    let paths = path_fields(
        draft.language,
        &["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"],
    );
    let findings = &mut draft.compiler.findings;
    fields.refuse_unknown(&[BATCHER, paths], findings);
    let bounds = [
        "MaxItemsPerBatch",
        "MaxItemsPerBatchPath",
        "MaxInputBytesPerBatch",
        "MaxInputBytesPerBatchPath",
    ];
    if !bounds.iter().any(|name| fields.has(name)) {
        let message =
            "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]".to_owned();
        findings.invalid(fields.place, message);
    }
    Some(ItemBatcher {
        max_items: draft.number_in(
            fields,
            "MaxItemsPerBatch",
            "MaxItemsPerBatchPath",
            1..=limits::MAX_ITEMS_MAX,
        ),
        max_bytes: draft.number_in(
            fields,
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            1..=limits::BATCH_BYTES_MAX,
        ),
        input: draft.recipe(fields, "BatchInput", Role::default()),
    })
}

fn writer(draft: &mut Draft<'_, '_, '_>, fields: Fields<'_>) -> Option<ResultWriter> {
    let arguments_field = argument_fields(draft.language);
    let findings = &mut draft.compiler.findings;
    fields.refuse_unknown(&[WRITER, arguments_field], findings);
    let (has_resource, has_config) = (fields.has("Resource"), fields.has("WriterConfig"));
    let has_arguments = fields.has(arguments_field[0]);
    if has_resource != has_arguments || !(has_resource || has_config) {
        let message = format!(
            "'Resource' and '{}' go together, with or without 'WriterConfig'",
            arguments_field[0]
        );
        findings.invalid(fields.place, message);
    }
    let resource = fields.text("Resource", findings);
    let to_file = match resource {
        None | Some("arn:aws:states:::s3:putObject") => false,
        Some("arn:aws:states:::baton:writeFile") => true,
        Some(other) => {
            let message = format!(
                "Results can't be written to '{other}': use arn:aws:states:::s3:putObject, or Baton's own baton:writeFile"
            );
            findings.invalid(&fields.place.field("Resource"), message);
            false
        }
    };
    let config = fields.object("WriterConfig", findings);
    let config_place = fields.place.field("WriterConfig");
    let empty = serde_json::Map::new();
    let config = Fields::new(config.unwrap_or(&empty), &config_place);
    config.refuse_unknown(&[&["Transformation", "OutputType"]], findings);
    let transformation = choose(
        config,
        "Transformation",
        &[
            ("NONE", Transformation::None),
            ("COMPACT", Transformation::Compact),
            ("FLATTEN", Transformation::Flatten),
        ],
        draft,
    );
    let json_lines = choose(
        config,
        "OutputType",
        &[("JSON", false), ("JSONL", true)],
        draft,
    );
    let arguments = draft.recipe(fields, arguments_field[0], Role::default());
    // What is written is with all that is known of a child; what is only passed on is its output.
    let default = if has_resource {
        Transformation::None
    } else {
        Transformation::Compact
    };
    Some(ResultWriter {
        destination: has_resource.then_some(to_file),
        arguments,
        transformation: transformation.unwrap_or(default),
        json_lines: json_lines.unwrap_or(false),
    })
}

/// A text field that is one of a few words.
fn choose<T: Copy>(
    fields: Fields<'_>,
    name: &str,
    words: &[(&str, T)],
    draft: &mut Draft<'_, '_, '_>,
) -> Option<T> {
    let findings = &mut draft.compiler.findings;
    let text = fields.text(name, findings)?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("'{text}' is not one of {}", words.join(", "));
        findings.invalid(&fields.place.field(name), message);
    }
    found.map(|(_, value)| *value)
}
