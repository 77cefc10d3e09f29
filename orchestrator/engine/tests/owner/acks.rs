//! What an acknowledgement is worth (R4, R5), and that everything waits for it (R6).

use crate::actions::{commands, names, replies};
use crate::machines::{TASK, execution, start_call, stop_call};
use crate::support::{OURS, Partition};
use baton_engine::ports::ReadFrom;
use baton_engine::{Action, Appended, CallError, Input, Reply};

/// A start that was called for, and waits for its acknowledgement.
fn started() -> (Partition, u64) {
    let mut p = Partition::ready();
    let (call, out) = p.call(start_call(TASK, &execution(TASK, OURS, 0), "{}"));
    assert_eq!(
        names(&out),
        ["Append"],
        "no command, no answer, no view yet"
    );
    (p, call)
}

fn not_owner() -> Result<Reply, CallError> {
    Err(CallError::NotOwner { partition: OURS })
}

/// The record may stand in the log.
fn in_doubt() -> Result<Reply, CallError> {
    Err(CallError::InDoubt { partition: OURS })
}

#[test]
fn view_command_and_answer_come_with_the_acknowledgement() {
    let (mut p, call) = started();
    let start_ms = p.now_ms;
    let out = p.step();
    assert_eq!(names(&out), ["Apply", "Send", "Reply"]);
    assert_eq!(replies(&out), [(call, Ok(Reply::Started { start_ms }))]);
}

#[test]
fn an_answer_that_appends_nothing_waits_for_what_was_appended_before_it() {
    let (mut p, first) = started();
    let arn = execution(TASK, OURS, 0);
    let (other_input, out) = p.call(start_call(TASK, &arn, "[1]"));
    assert!(
        out.is_empty(),
        "even the refusal tells that the name is taken: {out:?}"
    );
    let out = p.step();
    let taken = Err(CallError::ExecutionAlreadyExists(arn));
    let answers = replies(&out);
    assert_eq!(answers[0].0, first);
    assert_eq!(answers[1], (other_input, taken));
}

#[test]
fn a_gap_is_looked_into_before_anything_is_done() {
    let (mut p, call) = started();
    // Something that is no record of ours took an offset: the client can't know what.
    p.log.push(None);
    let (id, json) = p.take_append();
    let offset = p.write(json);
    let out = p.tell(p.appended(id, offset));
    let [Action::ReadHistory { from, through, .. }] = out[..] else {
        panic!("{out:?}")
    };
    assert_eq!((from, through), (ReadFrom::Offset(1), 2));
    let out = p.step();
    assert_eq!(commands(&out).len(), 1, "no claim stands in the gap");
    assert_eq!(replies(&out)[0].0, call);
    assert_eq!(p.owner.epoch(), Some(0));
}

#[test]
fn acknowledgements_during_the_look_back_wait_and_keep_their_order() {
    let (mut p, first) = started();
    let (second, _) = p.call(start_call(TASK, &execution(TASK, OURS, 1), "{}"));
    p.log.push(None);
    let appends = [p.take_append(), p.take_append()];
    for (id, json) in appends {
        let offset = p.write(json);
        let out = p.tell(p.appended(id, offset));
        assert!(commands(&out).is_empty() && replies(&out).is_empty());
    }
    let answered: Vec<u64> = replies(&p.settle()).into_iter().map(|(id, _)| id).collect();
    assert_eq!(answered, [first, second]);
}

#[test]
fn a_claim_in_the_gap_means_fenced() {
    let (mut p, call) = started();
    p.write_foreign_claim();
    let (id, json) = p.take_append();
    let offset = p.write(json);
    p.tell(p.appended(id, offset));
    let out = p.step();
    assert!(commands(&out).is_empty());
    assert_eq!(replies(&out), [(call, in_doubt())]);
    assert_eq!(
        names(&out).last().map(String::as_str),
        Some("CheckOwnership")
    );
    assert_eq!(p.owner.open_executions(), 0);
}

#[test]
fn fenced_but_still_assigned_claims_again_and_folds_what_counts() {
    let (mut p, _) = started();
    p.write_foreign_claim();
    let (id, json) = p.take_append();
    let offset = p.write(json);
    p.tell(p.appended(id, offset));
    p.pass(1_000);
    assert_eq!(p.owner.epoch(), Some(3));
    assert_eq!(
        p.owner.open_executions(),
        0,
        "a start after a foreign claim doesn't count"
    );
}

#[test]
fn fenced_and_not_assigned_any_more_stops() {
    let (mut p, _) = started();
    p.write_foreign_claim();
    let (id, json) = p.take_append();
    let offset = p.write(json);
    p.tell(p.appended(id, offset));
    p.step();
    let out = p.tell(Input::Ownership { ours: false });
    assert_eq!(names(&out), ["Released"]);
    assert_eq!(p.owner.next_tick_ms(), None);
}

#[test]
fn a_backward_offset_means_fenced() {
    let (mut p, call) = started();
    let (id, _) = p.take_append();
    let out = p.tell(p.appended(id, 0));
    assert_eq!(replies(&out), [(call, in_doubt())]);
    assert_eq!(
        names(&out).last().map(String::as_str),
        Some("CheckOwnership")
    );
}

#[test]
fn an_acknowledgement_without_offset_is_found_in_the_log() {
    let (mut p, call) = started();
    let (id, json) = p.take_append();
    p.write(json);
    let result = Appended::NoOffset;
    let out = p.tell(Input::Appended { id, result });
    assert_eq!(names(&out), ["ReadHistory"]);
    let out = p.settle();
    assert_eq!(commands(&out).len(), 1);
    assert_eq!(replies(&out)[0].0, call);
}

#[test]
fn a_failed_append_drops_memory_and_claims_again() {
    let (mut p, call) = started();
    let (id, _) = p.take_append();
    let reason = "timed out".to_owned();
    let out = p.tell(Input::Appended {
        id,
        result: Appended::Failed { reason },
    });
    assert_eq!(replies(&out), [(call, in_doubt())]);
    assert_eq!((p.owner.epoch(), p.owner.open_executions()), (None, 0));
    p.pass(1_000);
    assert_eq!(p.owner.epoch(), Some(1), "never the same epoch twice");
}

#[test]
fn an_idle_owner_finds_a_foreign_claim_by_itself() {
    let mut p = Partition::ready();
    p.write_foreign_claim();
    p.now_ms += 1_000;
    assert!(names(&p.tell(Input::Tick)).contains(&"LookAtEnd".to_owned()));
    assert_eq!(names(&p.step()), ["ReadHistory"]);
    let out = p.step();
    assert_eq!(names(&out), ["CloseInputs", "CheckOwnership"]);
}

#[test]
fn a_log_that_was_cut_is_not_trusted() {
    let mut p = Partition::ready();
    p.now_ms += 1_000;
    p.tell(Input::Tick);
    let out = p.tell(Input::HistoryEnd { next: 0 });
    assert_eq!(names(&out), ["CloseInputs", "CheckOwnership"]);
}

#[test]
fn before_it_denies_an_idle_owner_looks_whether_it_still_knows_everything() {
    let arn = execution(TASK, OURS, 0);
    let mut p = Partition::ready();
    let (id, out) = p.call(stop_call(&arn));
    assert_eq!(names(&out), ["LookAtEnd"]);
    let none = Err(CallError::ExecutionDoesNotExist(arn.clone()));
    assert_eq!(replies(&p.step()), [(id, none)]);

    // Somebody else has claimed, and may have started it.
    let (id, _) = p.call(stop_call(&arn));
    p.write_foreign_claim();
    assert_eq!(names(&p.step()), ["ReadHistory"]);
    assert_eq!(replies(&p.step()), [(id, not_owner())]);
}

#[test]
fn of_calls_that_are_lost_only_those_whose_record_was_on_its_way_are_in_doubt() {
    let (mut p, first) = started();
    let (refused, _) = p.call(start_call(TASK, &execution(TASK, OURS, 0), "[1]"));
    let out = p.tell(Input::Revoked);
    assert_eq!(replies(&out), [(first, in_doubt()), (refused, not_owner())]);
}
