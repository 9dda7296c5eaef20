//! What a build reported, for whoever asks later.

use super::*;
use offchainvm_worker::build::BuildLogs;

#[tokio::test]
async fn the_whole_log_of_a_build_is_kept_by_either_name_of_its_commit() {
    let (shop, repo) = (Shop::new(), animal("build_failed"));
    let logs = BuildLogs::under(shop.folder.path());
    assert_eq!(logs.of(&source(&repo)).unwrap(), None);
    let short = source_at(&repo.url(), &repo.commit[..8]);
    shop.verdict(&short).await;
    let log = logs.of(&short).unwrap().unwrap();
    assert!(log.contains("== git fetch\n") && log.contains("== cargo build: exit code 101\n"), "{log}");
    assert!(log.contains("mismatched types"), "{log}");

    let repo = hello();
    let built = shop.build(&source_at(&repo.url(), &repo.commit[..8])).await.unwrap();
    let by_full_name = logs.of(&source(&repo)).unwrap().unwrap();
    assert!(by_full_name.contains("Compiling hello"), "{by_full_name}");
    let other = source_at(&repo.url(), &repo.commit[..9]);
    assert_eq!(shop.build(&other).await.unwrap(), found(&built));
    assert_eq!(logs.of(&other).unwrap(), Some(by_full_name), "what is found has the log of when it was built");
}

#[tokio::test]
async fn a_flood_is_cut_and_cannot_touch_a_terminal() {
    let (shop, repo) = (Shop::new(), animal("build_failed-floods_the_log"));
    let (_, message) = shop.verdict(&source(&repo)).await;
    let log = BuildLogs::under(shop.folder.path()).of(&source(&repo)).unwrap().unwrap();
    assert!(log.len() < 300 << 10, "{}", log.len());
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(message.len() < 4_000, "{}", message.len());
}
