//! What can't be read is set aside, and the store begins anew.

mod support;

use baton_engine::views::{Checkpoints, ListQuery, Views};
use baton_store::{Store, StoreError};
use std::path::{Path, PathBuf};
use support::{Histories, keeps_all, open};

fn filled(path: &Path) {
    let (store, mut writer) = open(path);
    let mut histories = Histories::new(1, 1, 40);
    writer.apply((0..500).map(|_| histories.next()).collect());
    store.flush().expect("what was applied can be written");
    assert!(store.load(0).is_some());
}

fn assert_begun_anew(path: &Path, aside: &str) {
    let (store, _writer) = open(path);
    assert!(store.load(0).is_none());
    assert!(
        store
            .list(&ListQuery {
                limit: 9,
                ..ListQuery::default()
            })
            .executions
            .is_empty()
    );
    let aside = path.with_file_name(format!("store{aside}"));
    assert!(aside.is_dir(), "{} is not there", aside.display());
}

fn files(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path)
        .expect("the store is a directory")
        .map(|entry| entry.expect("nobody else writes to it").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn garbage_in_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    for n in 1..=2 {
        filled(&path);
        files(&path)
            .iter()
            .for_each(|file| std::fs::write(file, b"not what it was").unwrap());
        assert_begun_anew(&path, &format!(".set-aside-{n}"));
    }
}

#[test]
fn each_file_lost() {
    let dir = tempfile::tempdir().unwrap();
    let sample = dir.path().join("sample");
    filled(&sample);
    let names: Vec<_> = files(&sample)
        .iter()
        .map(|file| file.strip_prefix(&sample).unwrap().to_owned())
        .collect();
    for (n, name) in names.iter().enumerate() {
        let path = dir.path().join(n.to_string()).join("store");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        filled(&path);
        std::fs::remove_file(path.join(name)).unwrap();
        // Whatever it was, there is a store afterwards: the old one if it didn't need the file, or a new one.
        let (store, mut writer) = open(&path);
        writer.reset(0);
        let mut histories = Histories::new(2, 1, 40);
        writer.apply((0..50).map(|_| histories.next()).collect());
        assert!(store.load(0).is_some(), "without {}", name.display());
    }
}

#[test]
fn a_store_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("0.jnl"), b"").unwrap();
    assert_begun_anew(&path, ".set-aside-1");
}

#[test]
fn a_store_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let _open = open(&path);
    let second = Store::open(&path, keeps_all()).map(|_| ());
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
}

/// A store large enough to have tables beside its journal.
fn large(path: &Path) {
    let (store, mut writer) = open(path);
    let mut histories = Histories::new(3, 1, 400);
    for _ in 0..60 {
        writer.apply((0..1_000).map(|_| histories.next()).collect());
    }
    store.flush().expect("what was applied can be written");
    store.close();
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let name = file.strip_prefix(from).expect("it is in there");
        let target = to.join(name);
        let folder = target.parent().expect("it is in a directory");
        std::fs::create_dir_all(folder).expect("the copy can be made");
        std::fs::copy(&file, target).expect("the copy can be made");
    }
}

#[test]
fn a_byte_flipped_in_each_file() {
    let dir = tempfile::tempdir().unwrap();
    let sample = dir.path().join("sample");
    large(&sample);
    let largest_first = |path: &Path| {
        let mut all = files(path);
        all.retain(|file| std::fs::metadata(file).is_ok_and(|m| m.len() > 0));
        all.sort_by_key(|file| std::cmp::Reverse(std::fs::metadata(file).unwrap().len()));
        all
    };
    assert!(largest_first(&sample).len() > 3, "tables were written");
    for (n, file) in largest_first(&sample).iter().enumerate().take(12) {
        let path = dir.path().join(n.to_string()).join("store");
        copy(&sample, &path);
        let name = file.strip_prefix(&sample).unwrap();
        let mut bytes = std::fs::read(path.join(name)).unwrap();
        let middle = bytes.len() / 2;
        for at in [0, middle, bytes.len() - 1] {
            bytes[at] ^= 0x55;
        }
        std::fs::write(path.join(name), bytes).unwrap();
        // Whatever it was: queries are answered, and after at most one more start the store takes everything again.
        let (store, mut writer) = open(&path);
        let page = store.list(&ListQuery {
            limit: 500,
            ..ListQuery::default()
        });
        for found in page.executions {
            store.history(&found.execution);
        }
        store.load(0);
        writer.reset(0);
        drop((store, writer));
        let (store, mut writer) = open(&path);
        writer.reset(0);
        let mut histories = Histories::new(4, 1, 40);
        writer.apply((0..50).map(|_| histories.next()).collect());
        assert!(store.load(0).is_some(), "with a flip in {}", name.display());
    }
}

#[test]
fn a_store_noted_as_broken_is_set_aside_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    filled(&path);
    let note = dir.path().join("store.broken");
    std::fs::write(&note, "a block's checksum does not match\n").unwrap();
    assert_begun_anew(&path, ".set-aside-1");
    assert!(!note.exists(), "once is enough");
}
