/* Who no longer goes on; see watch.h. */
#include "dist/watch.h"

#include <stdbool.h>

static const double PATIENCE = 1.5, MORE_PATIENCE = 1.0;

static uint64_t read64(const _Atomic uint64_t *place) {
    return atomic_load_explicit(place, memory_order_relaxed);
}

static bool is_set(const _Atomic uint32_t *place) {
    return atomic_load_explicit(place, memory_order_relaxed) != 0;
}

static void see(Sight *sight, const Heartbeat *beat, double now, bool anew) {
    uint64_t beats = read64(&beat->beats), looks = read64(&beat->looks);
    if (anew || beats != sight->beats) sight->beaten = now;
    if (anew || looks != sight->looks) sight->looked = now;
    sight->beats = beats;
    sight->looks = looks;
}

static Verdict judge_rank(const Sight *sight, const Heartbeat *beat, double now, double limit,
                          double *silent) {
    if (is_set(&beat->left)) return VERDICT_FINE;
    *silent = now - sight->looked;
    if (*silent > limit) return VERDICT_HALTED;
    *silent = now - sight->beaten;
    if (is_set(&beat->waiting)) return VERDICT_WAITS;
    return *silent > limit && !is_set(&beat->speaking) ? VERDICT_STUCK : VERDICT_FINE;
}

Verdict watch_look(Watch *watch, const Heartbeat beats[], double now, double limit, double gap,
                   size_t *culprit, double *silent) {
    bool anew = watch->last < 0.0 || now - watch->last > gap, all_wait = true;
    double shortest = now, longest = 0.0;
    size_t latest = 0;
    Verdict worst = VERDICT_FINE;
    watch->last = now;
    for (size_t i = 0; i < watch->count; i++) {
        double time = 0.0;
        see(&watch->sights[i], &beats[i], now, anew);
        Verdict verdict = judge_rank(&watch->sights[i], &beats[i], now, limit, &time);
        all_wait = all_wait && verdict == VERDICT_WAITS;
        if (verdict == VERDICT_WAITS && time < shortest) shortest = time, latest = i;
        bool guilty = verdict == VERDICT_STUCK || verdict == VERDICT_HALTED;
        if (guilty && time > longest) worst = verdict, longest = time, *culprit = i;
    }
    *silent = longest;
    if (worst != VERDICT_FINE || !all_wait) return worst;
    *culprit = latest;
    *silent = shortest;
    return shortest > PATIENCE * limit + MORE_PATIENCE ? VERDICT_WAITS : VERDICT_FINE;
}
