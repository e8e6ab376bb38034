//! What the README shows, run as it stands there.

use std::process::Command;

use crosstie_tests::place::{cache_dir, workspace_dir};
use crosstie_tests::router::Router;

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
