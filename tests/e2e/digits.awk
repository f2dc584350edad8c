# Draws labelled digits in Kaggle's CSV form: seven-segment figures, moved about and with noise, so
# that tests have data that can be learnt without any being in git.
#   awk -v rows=600 -v labelled=1 -f digits.awk >train.csv
function random() { # Park and Miller, so that every awk draws the same
    state = (state * 16807) % 2147483647
    return state / 2147483647
}
function bar(r0, r1, c0, c1,    r, c) {
    for (r = r0; r <= r1; r++) for (c = c0; c <= c1; c++) ink[r * 28 + c] = 200 + int(56 * random())
}
BEGIN {
    state = 12345
    split("abcefg cf acdeg acdfg bcdf abdfg abdefg acf abcdefg abcdfg", segments, " ")
    if (labelled) printf "label,"
    for (p = 0; p < 784; p++) printf "pixel%d%s", p, p < 783 ? "," : "\n"
    for (i = 0; i < rows; i++) {
        label = int(10 * random())
        top = 3 + int(4 * random()); left = 6 + int(5 * random())
        split("", ink)
        s = segments[label + 1]
        if (s ~ /a/) bar(top, top + 2, left, left + 11)
        if (s ~ /b/) bar(top, top + 10, left, left + 2)
        if (s ~ /c/) bar(top, top + 10, left + 9, left + 11)
        if (s ~ /d/) bar(top + 9, top + 11, left, left + 11)
        if (s ~ /e/) bar(top + 10, top + 20, left, left + 2)
        if (s ~ /f/) bar(top + 10, top + 20, left + 9, left + 11)
        if (s ~ /g/) bar(top + 18, top + 20, left, left + 11)
        for (k = 0; k < 60; k++) ink[int(784 * random())] = int(256 * random())
        if (labelled) printf "%d,", label
        for (p = 0; p < 784; p++) printf "%d%s", ink[p], p < 783 ? "," : "\n"
    }
}
