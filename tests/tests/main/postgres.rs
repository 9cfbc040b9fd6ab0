//! The suites that kill and crowd processes, on Postgres: the same workers, the same judges, the same bodies. Where
//! there is no server they say that they did not run.

use crate::{
    crowd,
    flows::{self, killed_at_points, taken_over},
    kills,
    process::Scene,
};

/// Kills of each of the tests with random moments; with those at points and of takers-over there are more than three
/// hundred.
const KILLS: usize = 72;

#[tokio::test]
async fn random_kills_lose_nothing_and_repeat_nothing_1() {
    let Some(scene) = Scene::on_postgres() else { return };
    kills::random_kills(scene, 21, KILLS).await;
}

#[tokio::test]
async fn random_kills_lose_nothing_and_repeat_nothing_2() {
    let Some(scene) = Scene::on_postgres() else { return };
    kills::random_kills(scene, 22, KILLS).await;
}

#[tokio::test]
async fn workers_killed_at_random_lose_no_workflow_and_repeat_no_effect_1() {
    let Some(scene) = Scene::on_postgres() else { return };
    flows::random_kills(scene, 31, KILLS).await;
}

#[tokio::test]
async fn workers_killed_at_random_lose_no_workflow_and_repeat_no_effect_2() {
    let Some(scene) = Scene::on_postgres() else { return };
    flows::random_kills(scene, 32, KILLS).await;
}

#[tokio::test]
async fn workers_killed_around_the_ports_lose_no_workflow_and_repeat_no_effect() {
    let Some(scene) = Scene::on_postgres() else { return };
    killed_at_points(scene, "port", 12..120, 3).await;
}

#[tokio::test]
async fn a_run_whose_process_was_killed_is_taken_over() {
    let Some(scene) = Scene::on_postgres() else { return };
    taken_over(scene).await;
}

#[tokio::test]
async fn processes_on_one_step_cause_one_effect_and_get_one_answer() {
    let Some(scene) = Scene::on_postgres() else { return };
    crowd::on_one_step(scene).await;
}

#[tokio::test]
async fn processes_wait_for_the_one_that_is_at_the_step() {
    let Some(scene) = Scene::on_postgres() else { return };
    crowd::wait_at_the_step(scene).await;
}

#[tokio::test]
async fn processes_on_many_steps_leave_one_sequence_without_gaps() {
    let Some(scene) = Scene::on_postgres() else { return };
    crowd::on_many_steps(scene).await;
}
