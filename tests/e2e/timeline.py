"""What must hold of a timeline.

    timeline.py TRACE RANKS STEPS THREADS BUCKETS [LOG]

Every event is of a named thread, or of a bucket that crosses between nodes; what a thread does lies within or beside what else it does; a
step is filled by its phases; the ranks' steps of one number overlap, so their clocks agree; and the
phases' sums are the log's, but for what other threads make late."""
import json
import re
import sys
from collections import Counter, defaultdict

path, ranks, steps, threads, buckets = sys.argv[1], *map(int, sys.argv[2:6])
with open(path) as file:
    trace = json.load(file)
events = trace["traceEvents"]
assert trace["otherData"]["events left out"] == "0", trace["otherData"]

names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
assert len({tid for _, tid in names}) == len(names), "Perfetto puts threads of one number together"
hosts = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
assert sorted(hosts) == list(range(ranks)), hosts
assert all(re.fullmatch(rf"rank {rank} on \S+", name) for rank, name in hosts.items()), hosts
for rank in range(ranks):
    mine = sorted(name for (pid, _), name in names.items() if pid == rank)
    expected = ["main"] + [f"worker {i}" for i in range(1, threads)] + ["writer"] * (rank == 0)
    expected += [f"bucket {i}" for i in range(1, buckets + 1)]
    assert mine == sorted(expected), mine

# Nanoseconds, so that all comparisons are exact.
threads_of = defaultdict(list)
for e in events:
    if e["ph"] != "X":
        continue
    begin = round(1000 * e["ts"])
    threads_of[e["pid"], e["tid"]].append((begin, -(begin + round(1000 * e["dur"])), e))
assert set(threads_of) <= set(names), set(threads_of) - set(names)

covered = Counter()  # time of a step that its phases fill, by rank
lengths = Counter()
begins, ends = defaultdict(dict), defaultdict(dict)
for key, mine in threads_of.items():
    stack = []
    for begin, end, e in sorted(mine, key=lambda entry: entry[:2]):
        end = -end
        while stack and stack[-1][0] <= begin:
            stack.pop()
        assert not stack or end <= stack[-1][0], f"{key}: {e} reaches out of {stack[-1][1]}"
        if stack and stack[-1][1]["name"] == "step":
            covered[key[0]] += end - begin
        if e["name"] == "step":
            assert names[key] == "main" and not stack
            lengths[key[0]] += end - begin
            begins[e["args"]["number"]][key[0]] = begin
            ends[e["args"]["number"]][key[0]] = end
        stack.append((end, e))

assert sorted(begins) == list(range(1, steps + 1)), sorted(begins)
for step in begins:
    assert len(begins[step]) == ranks
    assert max(begins[step].values()) < min(ends[step].values()), f"step {step}: clocks differ"
if threads == 1:
    for rank in range(ranks):
        share = covered[rank] / lengths[rank]
        assert 0.85 < share <= 1, f"rank {rank}: phases fill {100 * share:.1f} % of the steps"

for (rank, tid), name in names.items():
    if name.startswith("bucket"):
        ways = Counter(e["name"] for _, _, e in threads_of[rank, tid])
        assert set(ways) == {"sum", "gather"} and ways["sum"] == steps, f"rank {rank}, {name}: {ways}"
        assert ways["gather"] >= steps, f"rank {rank}, {name}: {ways}"  # the optimizer's, too

kinds = {e["cat"] for _, _, e in sum(threads_of.values(), [])}
assert kinds == {"compute", "communication", "waiting", "files", "step"}, kinds

if len(sys.argv) > 6 and threads == 1:
    with open(sys.argv[6]) as file:
        line = re.search(r"^time: (.*)$", file.read(), re.MULTILINE).group(1)
    shares = {name: float(value) for name, value in re.findall(r"(\w+) ([\d.]+) %", line)}
    sums = Counter()
    for (pid, tid), mine in threads_of.items():
        for begin, end, e in mine:
            if pid == 0 and e["name"] in shares:
                sums[e["name"]] += -end - begin
    whole = sum(sums.values())
    # What is made late, while the gradients are summed, counts as backward in the log.
    for both in (sums, shares):
        both["backward and sync"] = both.pop("backward") + both.pop("sync")
    for name, share in shares.items():
        mine = 100 * sums[name] / whole
        assert abs(mine - share) < 0.11, f"{name}: {mine:.2f} % here, {share} % in the log"
