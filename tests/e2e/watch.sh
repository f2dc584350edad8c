#!/usr/bin/env bash
# The live view: a snapshot where there is no terminal; on one, it follows, resizes and leaves.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 10

# expect_text FILE PATTERN...
expect_text() {
    local file=$1 pattern
    shift
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$file" || { cat "$file"; fail "no '$pattern' in $file"; }
    done
}

# Nothing to look at: one line each.
expect_error 2 'runs/latest: no run is there' "$program" watch
expect_error 2 'runs/slurm-42: no run is there' "$program" watch 42
mkdir empty
expect_error 2 'empty: holds no run' "$program" watch empty

# A finished run, in a pipe: plain lines of at most 80 columns, the same by every name.
train 2 "${quick[@]}" >out.txt
expect_text runs/smoke/progress '^state finished$' '^epoch 3 of 3$'
"$program" watch >snapshot.txt
expect_text snapshot.txt 'finished' 'epoch 3/3 .*100 %' 'best so far: val_accuracy' '⠒⠒ training' \
    '•' 'state digest'
if grep -q $'\033' snapshot.txt; then fail "escape sequences in a file"; fi
/usr/bin/python3 -c 'import sys; sys.exit(max(len(l.rstrip("\n")) for l in open("snapshot.txt", encoding="utf-8")) > 80)' ||
    fail "a line of more than 80 columns"
ln -s smoke runs/slurm-42
"$program" watch 42 | diff - snapshot.txt >/dev/null && fail "the job's snapshot names another run"
"$program" watch 42 | tail -n +2 | cmp - <(tail -n +2 snapshot.txt) || fail "watch JOBID"
COLUMNS=40 LINES=15 "$program" watch runs/smoke/ >small.txt
[ "$(wc -l <small.txt)" -le 15 ] || fail "more than 15 lines"
for size in '1 1' '2 9' '3 30' '200 5' '9 2' '1000 1000'; do
    COLUMNS=${size% *} LINES=${size#* } "$program" watch runs/smoke >/dev/null || fail "at $size"
done

# A run of an older version leaves no progress; a damaged metrics.h5 is one line.
cp -r runs/smoke old && rm old/progress
"$program" watch old >old.txt
expect_text old.txt 'old  finished' 'epoch 3/3'
head -c 1000 runs/smoke/metrics.h5 >old/metrics.h5
expect_error 3 'old/metrics\.h5' "$program" watch old

# A stopped one says so; steps of a terminal's control in its log come out as question marks.
cp -r runs/smoke stopped
sed -i -e 's/^state .*/state stopped/' -e 's/^epoch .*/epoch 1 of 3/' stopped/progress
printf 'a line \033[2J\007 with codes\n' >>stopped/log.txt
"$program" watch stopped >stopped.txt
expect_text stopped.txt 'stopped  stopped' 'a line \?\[2J\? with codes'

# On a terminal.
command -v tmux >/dev/null || skip "tmux is missing; the snapshots are right"
tmux=(tmux -S "$work/tmux" -f /dev/null)
close_terminal() {
    "${tmux[@]}" kill-server 2>/dev/null || true
    clean_up
}
trap close_terminal EXIT

# screen_has PATTERN: within ten seconds.
screen_has() {
    for _ in $(seq 50); do
        "${tmux[@]}" capture-pane -p >screen.txt
        if grep -Eq -- "$1" screen.txt; then return 0; fi
        sleep 0.2
    done
    cat screen.txt
    return 1
}
# A run under way: the files are written by hand, so that the test does not hang on speed.
going() {
    sed -e 's/^state .*/state training/' -e "s/^epoch .*/epoch 1 of 3/" -e "s/^step .*/step $1 of 25/" \
        -e 's/^images_per_second .*/images_per_second 100/' runs/smoke/progress >live/.new
    mv live/.new live/progress
}
cp -r runs/smoke live
going 5
"${tmux[@]}" new-session -d -x 80 -y 24 "TERM=screen-256color bash --norc" || skip "tmux cannot start"
type() { "${tmux[@]}" send-keys "$@"; }
type "cd '$work'; PS1='ready> '; clear" Enter
screen_has '^ready>' || fail "no shell in tmux"

type "stty -g >before; '$program' watch live; stty -g >after; echo left with \$?" Enter
screen_has 'live  training' || fail "no live view"
screen_has 'epoch 2/3 .* 20 %' || fail "no bar of the epoch"
screen_has 'q leaves' || fail "no hint"
going 20
screen_has 'epoch 2/3 .* 80 %' || fail "the bar does not go on"
"${tmux[@]}" resize-window -x 40 -y 15
screen_has 'epoch 2/3 .* 80 %' || fail "no bar at 40 columns"
screen_has '^q leaves' || fail "no hint at 15 rows"
[ "$(grep -n '^q leaves' screen.txt | cut -d: -f1)" = 15 ] || fail "the hint is not in the last row"
"${tmux[@]}" resize-window -x 100 -y 30
screen_has 'accuracy  ⠒⠒ training  • validation' || fail "no second chart at 100 columns"
[ "$(grep -n '^q leaves' screen.txt | cut -d: -f1)" = 30 ] || fail "the hint did not move down"
"${tmux[@]}" capture-pane -p -e | grep -q $'\033\[.*34m' || fail "no colours"
type Up
screen_has 'live  training' || fail "an arrow key leaves"
type q
screen_has 'left with 0' || fail "q does not leave"
cmp before after || fail "the terminal is not as it was after q"

type "clear; NO_COLOR=1 '$program' watch live; stty -g >after; echo left again with \$?" Enter
screen_has '^q leaves' || fail "no live view under NO_COLOR"
if "${tmux[@]}" capture-pane -p -e | grep -q $'\033\[[0-9;]*3[1-4]m'; then fail "colours under NO_COLOR"; fi
type C-c
screen_has 'left again with 0' || fail "Ctrl-C does not leave"
cmp before after || fail "the terminal is not as it was after Ctrl-C"

# The end of the run is the end of the view; its last state stays on the screen.
type "clear; '$program' watch live; stty -g >after; echo ended with \$?" Enter
screen_has '^q leaves' || fail "no third view"
cp runs/smoke/progress live/.new && mv live/.new live/progress
screen_has 'ended with 0' || fail "the end of the run does not end the view"
screen_has 'live  finished' || fail "the last state does not stay"
cmp before after || fail "the terminal is not as it was after the run's end"
