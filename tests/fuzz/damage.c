/* The corruption campaign: files of this program with one piece of damage each, of which none may
 * be accepted, crash the reader or hold it for more than a second.
 *
 *   damage [--cases N] [--seed S]
 *
 * A case is a pure function of seed, file and number, so that a failure is had again by the numbers
 * that are printed. Files as older versions wrote them have digests of the rows alone, or none:
 * damage that is in neither is read as something else, but it ends no reader. A file's cases run in
 * a worker, which a crash or a hang ends; the parent counts that and goes on behind it. A hang is
 * told by processor time, so that a busy machine makes none.
 */
#include "damage_files.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mnist_dist/base/log.h"

enum {
    PAGE = 4096,
    SECTOR = 512,
    HANG_SECONDS = 1,
    WALL_SECONDS = 60,
    MOST_FAILURES = 20,
    TRIES = 100
};
enum { STRIDE = 1000003 /* a prime */ };

typedef enum Damage { FLIP, PAGES, WORDS, APPEND, TRUNCATE, DAMAGES } Damage;

static const char *const DAMAGE_NAMES[DAMAGES] = {"flipped bits", "torn or stale pages",
                                                  "words of zeros to ones", "appended bytes",
                                                  "truncations"};

/* What worker and parent share. */
typedef struct Campaign {
    size_t next; /* case */
    size_t counts[DAMAGES], same, accepted, untold, bad_lines;
} Campaign;

typedef struct Case {
    uint8_t *bytes; /* with room for a page more than the file has */
    size_t count;
    uint64_t random;
} Case;

/* ---- Random numbers: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" ---
 */

static uint64_t next_random(Case *one) {
    uint64_t z = one->random += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static size_t below(Case *one, size_t limit) {
    return (size_t)(next_random(one) % limit);
}

/* ---- Damage ---------------------------------------------------------------------------------- */

/* Anywhere; every other time in a byte that is not zero, all of these in turn (by a step that has
 * no divisor in common with their number), since much of a small file is filler. */
static void flip(Case *one, const DamageFile *file, size_t turn) {
    size_t at = turn % 2 == 0 ? file->filled[turn / 2 * STRIDE % file->filled_count]
                              : below(one, one->count);
    one->bytes[at] ^= (uint8_t)(1U << below(one, 8));
}

static void spoil_page(Case *one, const DamageFile *file) {
    size_t pages = (one->count + PAGE - 1) / PAGE, at = below(one, pages) * PAGE;
    size_t size = one->count - at < PAGE ? one->count - at : PAGE;
    size_t other = below(one, one->count / PAGE) * PAGE;
    if (other + size > one->count) other = 0;
    size_t torn = below(one, 2) == 0 ? size : below(one, PAGE / SECTOR) * SECTOR;
    if (torn < size) size = torn;
    const uint8_t *old = at + size <= file->old_count ? file->old_bytes + at : file->old_bytes;
    switch (below(one, 3)) {
    case 0:
        memcpy(one->bytes + at, old, size);
        break;
    case 1:
        memset(one->bytes + at, 0, size);
        break;
    default:
        memcpy(one->bytes + at, file->bytes + other, size);
    }
}

/* What fletcher32 does not see. */
static void spoil_words(Case *one) {
    size_t words = one->count / 2, at = below(one, words), most = 1 + below(one, 64);
    static const uint8_t zeros[2];
    for (size_t i = 0; i < words && memcmp(one->bytes + 2 * at, zeros, 2) != 0; i++)
        at = (at + 1) % words;
    for (; most > 0 && at < words && memcmp(one->bytes + 2 * at, zeros, 2) == 0; at++, most--)
        memset(one->bytes + 2 * at, 0xff, 2);
}

static void append(Case *one, const DamageFile *file) {
    size_t more = 1 + below(one, PAGE);
    if (more > one->count) more = one->count;
    if (below(one, 2) == 0)
        memset(one->bytes + one->count, 0, more);
    else
        memcpy(one->bytes + one->count, file->bytes, more);
    one->count += more;
}

/* Each edge of a sector and a byte beside it, in turn. */
static void cut(Case *one, size_t turn) {
    size_t edges = one->count / SECTOR + 1;
    size_t edge = turn / 3 % edges * SECTOR, side = turn % 3;
    if (edge + side >= 1 && edge + side - 1 < one->count) one->count = edge + side - 1;
}

static bool changes_nothing(const Case *one, const DamageFile *file) {
    return one->count == file->count && memcmp(one->bytes, file->bytes, one->count) == 0;
}

static Damage make_case(Case *one, const DamageFile *file, uint64_t seed, size_t number) {
    Damage damage = (Damage)(number % DAMAGES);
    memcpy(one->bytes, file->bytes, file->count);
    one->count = file->count;
    one->random = seed * 0x2545f4914f6cdd1dU + number;
    switch (damage) {
    case FLIP:
        flip(one, file, number / DAMAGES);
        break;
    case PAGES:
        for (int i = 0; i < TRIES && changes_nothing(one, file); i++) spoil_page(one, file);
        break;
    case WORDS:
        spoil_words(one);
        break;
    case APPEND:
        append(one, file);
        break;
    default:
        cut(one, number / DAMAGES);
    }
    return damage;
}

/* ---- The worker ------------------------------------------------------------------------------ */

static void set_limits(time_t seconds) {
    const struct itimerval limit = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(seconds == 0 ? 0 : WALL_SECONDS);
}

static void write_case(const DamageFile *file, const Case *one) {
    FILE *out = fopen(file->path, "wb");
    if (out == NULL || fwrite(one->bytes, 1, one->count, out) != one->count || fclose(out) != 0) {
        perror(file->path);
        _exit(2);
    }
}

/* One line that begins with the file's name. */
static bool line_is_good(const DamageFile *file) {
    const char *line = status_message();
    return strncmp(line, file->path, strlen(file->path)) == 0 && strchr(line, '\n') == NULL;
}

static void try_case(Campaign *campaign, const DamageFile *file, const Case *one, size_t number,
                     Damage damage) {
    if (changes_nothing(one, file)) {
        campaign->same++;
        return;
    }
    write_case(file, one);
    campaign->counts[damage]++;
    set_limits(HANG_SECONDS);
    Status status = file->read(file->path);
    set_limits(0);
    if (status == STATUS_OK && file->is_unsealed) {
        campaign->untold++;
        return;
    }
    if (status == file->refusal && line_is_good(file)) {
        status_clear();
        return;
    }
    if (campaign->accepted + campaign->bad_lines < MOST_FAILURES)
        printf("%s: case %zu (%s): %s: %s\n", file->path, number, DAMAGE_NAMES[damage],
               status == STATUS_OK ? "accepted" : "a bad line", status_message());
    *(status == STATUS_OK ? &campaign->accepted : &campaign->bad_lines) += 1;
    status_clear();
}

static void work(Campaign *campaign, const DamageFile *file, uint64_t seed, size_t cases) {
    Case one = {.bytes = malloc(file->count + PAGE)};
    for (; campaign->next < cases; campaign->next++) {
        Damage damage = make_case(&one, file, seed, campaign->next);
        try_case(campaign, file, &one, campaign->next, damage);
    }
    fflush(stdout);
    _exit(0);
}

/* ---- The campaign ---------------------------------------------------------------------------- */

static bool restore_and_read(const DamageFile *file) {
    const Case whole = {.bytes = (uint8_t *)file->bytes, .count = file->count};
    write_case(file, &whole);
    if (file->read(file->path) == STATUS_OK) return true;
    printf("%s: the undamaged file is refused: %s\n", file->path, status_message());
    return false;
}

/* Returns the crashes and hangs. */
static size_t run_workers(Campaign *campaign, const DamageFile *file, uint64_t seed, size_t cases) {
    size_t deaths = 0;
    while (campaign->next < cases && deaths < MOST_FAILURES) {
        int state = 0;
        fflush(stdout);
        pid_t worker = fork();
        if (worker == 0) work(campaign, file, seed, cases);
        while (waitpid(worker, &state, 0) < 0 && errno == EINTR) continue;
        if (WIFEXITED(state) && WEXITSTATUS(state) == 0) continue;
        int by = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
        printf("%s: case %zu (%s): %s (%s)\n", file->path, campaign->next,
               DAMAGE_NAMES[campaign->next % DAMAGES],
               by == SIGPROF || by == SIGALRM ? "hung" : "crashed", strsignal(by));
        campaign->next++;
        deaths++;
    }
    return deaths;
}

static bool run_file(const DamageFile *file, uint64_t seed, size_t cases) {
    Campaign *campaign =
        mmap(NULL, sizeof *campaign, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (campaign == MAP_FAILED || !restore_and_read(file)) return false;
    size_t deaths = run_workers(campaign, file, seed, cases);
    printf("%s: %zu cases of damage to %zu bytes, %zu of them not zero, and %zu edges of "
           "sectors:\n   ",
           file->path, campaign->next, file->count, file->filled_count, file->count / SECTOR + 1);
    for (int i = 0; i < DAMAGES; i++) printf(" %zu %s,", campaign->counts[i], DAMAGE_NAMES[i]);
    if (file->is_unsealed)
        printf(" %zu that a file without digests does not show,", campaign->untold);
    printf(" %zu that changed nothing;\n    %zu accepted, %zu crashed or hung, %zu bad lines\n",
           campaign->same, campaign->accepted, deaths, campaign->bad_lines);
    bool good = campaign->accepted + campaign->bad_lines + deaths == 0;
    munmap(campaign, sizeof *campaign);
    return good;
}

int main(int argc, char **argv) {
    size_t cases = 20000;
    uint64_t seed = 1;
    bool good = true;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cases") == 0) cases = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    }
    log_start(false);
    damage_enter_folder();
    printf("damage: seed %llu, %zu cases\n", (unsigned long long)seed, cases);
    for (size_t i = 0; i < DAMAGE_FILES; i++) {
        DamageFile file;
        damage_make_file(&file, i);
        good = run_file(&file, seed, cases * file.share / 100) && good;
        damage_free_file(&file);
    }
    damage_leave_folder();
    return good ? 0 : 1;
}
