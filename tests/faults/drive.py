"""Kills every process under load, again and again, and checks that everything accepted completes, once.

`./tests/run faults [--full] [--json FILE] [--only SCENARIO] [--kills N] [--seed N] [--broker embedded]`. One JSON line a scenario:

    scenario, broker, kills  what was done
    accepted, completed      executions: asked for and acknowledged by Kafka; ended SUCCEEDED
    lost, applied_twice      must be 0; the second by an independent fold of the history (fold.py)
    tasks_rerun              runs of the worker's handler beyond one a task (at least once is what is promised)
    first_step_s             the longest time from the restarted process listening to the next history record;
                             first_step_median_s beside it
"""

import argparse
import json
import random
import sys
import time
from statistics import median

from world import World

from support.broker import KINDS
from support.paths import RESULTS

KILLS_SHORT = 2
KILLS_FULL = 20
# Executions that complete between two kills: at least and at most, by the seed.
BETWEEN = (50, 400)
# In flight are 100. Once this many have completed while a node is paused, its partitions have another owner: what was
# stuck on them would fill the flight long before.
TAKEN_OVER = 1500


def kill_orchestrator(world, turn):
    """kill -9 of the only node."""
    node = world.nodes[0]
    node.kill()
    node.process.start()
    node.wait_live()
    return "claimed"


def kill_worker(world, turn):
    """kill -9 of the only worker."""
    world.worker.kill()
    world.worker.start()
    return "completions"


def kill_broker(world, turn):
    """kill -9 of the broker."""
    world.kafka.kill()
    world.kafka.restart()
    return "any"


def kill_one_of_two(world, turn):
    """kill -9 of one of two nodes, in turn."""
    node = world.nodes[turn % 2]
    node.kill()
    node.process.start()
    node.wait_live()
    return "claimed"


def pause_one_of_two(world, turn):
    """SIGSTOP of one of two nodes; SIGCONT before (odd turns) or after (even turns) the other has taken over."""
    node = world.nodes[turn // 2 % 2]
    node.pause()
    try:
        world.load.advance(TAKEN_OVER if turn % 2 == 0 else 10)
    finally:
        node.resume()
    return "any"


def join_and_leave(world, turn):
    """The second node leaves in an orderly way, and joins again."""
    node = world.nodes[1]
    node.stop()
    world.load.advance(BETWEEN[0])
    node.process.start()
    node.wait_live()
    return "claimed"


SCENARIOS = {
    "kill_orchestrator": (1, kill_orchestrator),
    "kill_worker": (1, kill_worker),
    "kill_broker": (1, kill_broker),
    "kill_one_of_two": (2, kill_one_of_two),
    "pause_one_of_two": (2, pause_one_of_two),
    "join_and_leave": (2, join_and_leave),
}


def main():
    options = arguments()
    kills = options.kills or (KILLS_FULL if options.full else KILLS_SHORT)
    print(f"seed {options.seed}", flush=True)
    passed = failed = 0
    for name in options.only or SCENARIOS:
        try:
            result = play(name, options.broker, kills, random.Random(f"{options.seed} {name}"))
        except Exception as problem:  # the next scenario is played all the same
            result = {"scenario": name, "broker": options.broker, "problems": [f"{type(problem).__name__}: {problem}"]}
        good = not result["problems"] and not result["lost"] and not result["applied_twice"]
        passed, failed = passed + good, failed + (not good)
        line = json.dumps(result)
        print(line, flush=True)
        if options.json:
            with open(options.json, "a", encoding="utf-8") as file:
                file.write(line + "\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def play(name, broker, kills, chance):
    """Plays one scenario; returns its line."""
    nodes, disturb = SCENARIOS[name]
    world = World(RESULTS / "faults" / name, nodes, broker)
    try:
        disturbances = []
        for turn in range(kills):
            world.load.advance(chance.randint(*BETWEEN))
            began = time.time()
            counts = disturb(world, turn)
            disturbances.append((began, time.time(), counts))
        world.load.advance(BETWEEN[0])
        found, folds = world.end()
    finally:
        world.close()
    waits = [wait for wait in (first_step_s(folds, *disturbance) for disturbance in disturbances) if wait is not None]
    world.keep_only_logs()
    return {
        "scenario": name,
        "broker": broker,
        "kills": kills,
        **found,
        "first_step_s": round(max(waits), 3) if waits else None,
        "first_step_median_s": round(median(waits), 3) if waits else None,
    }


def first_step_s(folds, began, listening, counts):
    """Seconds from `listening` to the first step in the history after it.

    `counts` says which steps: "any", those caused by "completions", or those of an epoch "claimed" since `began`.
    Times of records are milliseconds, as their producer set them on this machine.
    """
    epochs = {(one.partition, epoch) for one in folds for time_ms, epoch, _ in one.claims if time_ms >= began * 1000}
    after = [
        time_ms
        for one in folds
        for time_ms, epoch, cause in one.steps
        if time_ms >= listening * 1000
        and (counts != "claimed" or (one.partition, epoch) in epochs)
        and (counts != "completions" or cause == "completions")
    ]
    return min(after) / 1000 - listening if after else None


def arguments():
    parser = argparse.ArgumentParser(prog="./tests/run faults", description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help=f"{KILLS_FULL} kills a scenario instead of {KILLS_SHORT}")
    parser.add_argument("--kills", type=int, help="kills a scenario")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="play this scenario; may be repeated")
    parser.add_argument("--broker", choices=KINDS, default="kafka", help="what everything runs on")
    parser.add_argument("--json", metavar="FILE", help="append the lines to this file too")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="for the moments of the kills")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
