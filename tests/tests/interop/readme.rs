//! What the README shows, run as it stands there.

use std::process::Command;

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::place::{TestDir, cache_dir, workspace_dir};
use crosstie_tests::router::{Router, check};

#[test]
fn the_python_of_the_readme_prints_its_greeting() {
    let router = Router::plain();
    let text = std::fs::read_to_string(workspace_dir().join("README.md")).expect("a README");
    let block = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of Python");
    let code = block.replace("127.0.0.1:5672", &router.clients().to_string());
    assert_ne!(code, block, "it connects elsewhere");
    let output = Command::new(cache_dir().join("venv/bin/python")).arg("-c").arg(code).output().expect("python runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_kdl_of_the_readme_is_a_good_configuration() {
    let dir = TestDir::new("readme");
    let ca = Authority::new("tests");
    let _ = ca.write(&dir, "clients-ca");
    let _ = ca.issue(&dir, "server", &Subject { hosts: &["localhost"], ..Subject::default() });
    let text = std::fs::read_to_string(workspace_dir().join("README.md")).expect("a README");
    let blocks: Vec<&str> = text.split("```kdl\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [tls, service, record] = blocks.as_slice() else { panic!("three blocks of KDL") };
    std::fs::create_dir(dir.path().join("plugins")).expect("a directory");
    let nodes: Vec<&str> = tls.lines().filter(|line| !line.starts_with("listener")).collect();
    for text in [(*tls).to_owned(), format!("{}\n{service}", nodes.join("\n")), (*record).to_owned()] {
        let checked = check(&dir, &text);
        assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    }
}
