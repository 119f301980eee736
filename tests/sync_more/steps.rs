//! A run is killed at each of its steps: each call of the system by which it says something to
//! the server, or does something to a file or to its own state. Then one goes on.

use super::support::steps;
use super::world::World;

/// How many steps are looked at where not all are.
const SAMPLE: usize = 6;

#[test]
fn killed_at_any_step_and_gone_on_it_comes_to_the_same_end() {
    let test = "killed_at_any_step_and_gone_on_it_comes_to_the_same_end";
    if !steps::can_trace(test) {
        return;
    }
    let Some(world) = World::begin(test) else { return };
    world.restore();
    let all = steps::steps(&world.home, &world.words(), |run| {
        run.password("secret").run().success();
    });
    let count = all.len();
    assert!(count > 60, "a run has more steps than {count}");
    let (mut killed, mut missed) = (0, 0);
    for step in &steps::sample(test, all, SAMPLE) {
        world.restore();
        let run = steps::killed_at(&world.home, &world.words(), step).password("secret").run();
        // How work falls to threads is not always the same: then it may not come to this turn.
        if run.code == Some(0) {
            missed += 1
        } else {
            killed += 1
        }
        world.resumed(&format!("killed at {} {}", step.0, step.1), &run);
    }
    eprintln!("{test}: of {count} steps killed at {killed}; {missed} were not come to");
    assert!(killed > missed, "most steps are those of every run");
}
