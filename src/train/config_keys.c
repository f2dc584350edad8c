/* The one table of configuration keys. A new key is one row here and one field in its options
 * struct; its name is the field's. Defaults are the baseline recipe's, and Keras's where the
 * recipe is silent. */
#include "config_keys.h"

#include <string.h>

#include "mnist_dist/base/nearest.h"
#include "mnist_dist/train/progress.h"

const char *const REPORT_NAMES[] = {"end", "checkpoints", "never", NULL};

#define BASELINE_LAYERS                                                                            \
    "conv 5x5 32 same relu, conv 5x5 32 same relu, maxpool 2x2, dropout 0.25, "                    \
    "conv 3x3 64 same relu, conv 3x3 64 same relu, maxpool 2x2, dropout 0.25, "                    \
    "flatten, dense 256 relu, dropout 0.5, dense 128 relu, dropout 0.5, dense 10 softmax"

#define KEY(field, type, effect, standard, help)                                                   \
#field, type, offsetof(Config, field), sizeof((Config *)0)->field, effect, standard, help

#define WHOLE(field, effect, standard, lowest, highest, help)                                      \
    { KEY(field, KEY_INTEGER, effect, standard, help), lowest, highest, NULL, NULL }
#define WHOLE_OR(word, field, effect, standard, lowest, highest, help)                             \
    { KEY(field, KEY_INTEGER, effect, standard, help), lowest, highest, word, NULL }
#define REAL(field, standard, lowest, highest, help)                                               \
    { KEY(field, KEY_REAL, CHANGES_ANSWER, standard, help), lowest, highest, NULL, NULL }
#define BOOL(field, effect, standard, help)                                                        \
    { KEY(field, KEY_BOOL, effect, standard, help), 0, 0, NULL, NULL }
#define CHOICE(field, effect, standard, choices, help)                                             \
    { KEY(field, KEY_CHOICE, effect, standard, help), 0, 0, NULL, choices }
#define TEXT(field, type, effect, standard, help)                                                  \
    { KEY(field, type, effect, standard, help), 0, 0, NULL, NULL }

const ConfigKey CONFIG_KEYS[] = {
    TEXT(data.path, KEY_TEXT, CHANGES_NOTHING, "data/digits.h5", "images, from mnist_dist import"),
    WHOLE(data.limit, CHANGES_ANSWER, "0", 0, 4294967295, "use the first rows only; 0: all"),
    WHOLE(data.folds, CHANGES_ANSWER, "10", 0, 1000, "one part is held out; 0: hold out none"),
    WHOLE_OR("auto", data.fold, CHANGES_ANSWER, "auto", 0, 999, "held-out part; auto: by seed"),
    WHOLE(data.window, CHANGES_NOTHING, "0", 0, 1e9,
          "MB of images that a node holds, read as needed; 0: all"),

    TEXT(model.layers, KEY_LAYERS, CHANGES_ANSWER, BASELINE_LAYERS, "from first to last"),
    CHOICE(model.compute, CHANGES_ANSWER, "float32", COMPUTE_NAMES,
           "numbers that layers multiply in"),
    CHOICE(model.convolution, CHANGES_ANSWER, "auto", CONVOLUTION_NAMES,
           "auto: the fastest that fits"),
    /* Of a run's kernels a checkpoint keeps the names, and a resume under others is warned of. */
    CHOICE(model.kernels, CHANGES_NOTHING, "auto", INSTRUCTION_NAMES,
           "richest instructions to use"),

    REAL(augmentation.rotation, "10", 0, 180, "largest angle, degrees"),
    REAL(augmentation.zoom, "0.1", 0, 0.9, "largest relative change of scale"),
    REAL(augmentation.shift, "0.1", 0, 1, "largest shift, as a share of the side"),
    REAL(augmentation.shear, "0", 0, 1, "largest shift of columns, per row from the centre"),
    WHOLE(augmentation.translate, CHANGES_ANSWER, "0", 0, 28, "largest shift by whole pixels"),
    CHOICE(augmentation.fill, CHANGES_ANSWER, "nearest", AUGMENT_FILL_NAMES,
           "what lies beyond the border"),
    REAL(augmentation.elastic_alpha, "0", 0, 1000, "strength of elastic distortion, pixels"),
    REAL(augmentation.elastic_sigma, "4", 0.5, 28, "its smoothness, pixels"),
    REAL(augmentation.erase, "0", 0, 1, "share of images that lose a rectangle"),
    WHOLE(augmentation.erase_size, CHANGES_ANSWER, "8", 1, 28, "its largest side, pixels"),
    REAL(augmentation.mixup, "0", 0, 4, "alpha of mixup's Beta distribution; 0: none"),

    WHOLE(training.epochs, CHANGES_WITH_LENGTH, "25", 1, 1e6, "passes over the training rows"),
    WHOLE(training.batch_size, CHANGES_ANSWER, "86", 1, 1048576,
          "samples of a batch, over all ranks"),
    WHOLE(training.accumulate, CHANGES_ANSWER, "1", 1, 1e6, "batches whose gradients make a step"),
    WHOLE(training.shards, CHANGES_ANSWER, "8", 1, CONFIG_MAX_SHARDS,
          "parts of a batch; ranks share them out"),
    WHOLE(training.threads, CHANGES_NOTHING, "1", 1, 1024, "per rank"),
    WHOLE(training.seed, CHANGES_ANSWER, "0", 0, 9007199254740991, "of everything random"),
    BOOL(training.drop_last, CHANGES_ANSWER, "false", "leave out an epoch's last, short batch"),
    REAL(training.label_smoothing, "0", 0, 0.999999, "share of each target given to all classes"),
    WHOLE(training.validate_every, CHANGES_ANSWER, "1", 0, 1e6,
          "epochs; the last one is validated too; 0: that one only"),
    WHOLE(training.early_stopping, CHANGES_NOTHING, "0", 0, 1e6,
          "stop after so many epochs without a better one; 0: never"),
    WHOLE(training.divergence_retries, CHANGES_NOTHING, "0", 0, PROGRESS_MOST_SETBACKS,
          "times to go back an epoch at half the rate; 0: stop"),
    WHOLE(training.check_replicas, CHANGES_NOTHING, "100", 0, 1e9,
          "steps between comparisons of ranks' parameters; 0: none"),
    CHOICE(training.wire, CHANGES_ANSWER, "float32", COMPUTE_NAMES,
           "numbers that gradients travel in"),
    BOOL(training.overlap, CHANGES_NOTHING, "true", "nodes' messages travel while ranks compute"),
    WHOLE(training.bucket_size, CHANGES_NOTHING, "1024", 0, 1e6,
          "kB that set out at a time; 0: all at once"),
    WHOLE(training.hang_timeout, CHANGES_NOTHING, "300", 0, 1e6,
          "seconds without progress that end the job; 0: none do"),

    CHOICE(optimizer.kind, CHANGES_ANSWER, "adam", OPTIMIZER_NAMES, "the update rule"),
    REAL(optimizer.learning_rate, "0.001", 1e-12, 1000, "where the schedule starts"),
    CHOICE(optimizer.scaling, CHANGES_ANSWER, "none", SCALING_NAMES,
           "how learning_rate follows the batch"),
    WHOLE(optimizer.scaling_batch, CHANGES_ANSWER, "256", 1, 1048576,
          "linear, sqrt: the batch that learning_rate is for"),
    REAL(optimizer.momentum, "0", 0, 0.999999, "sgd, rmsprop, lars"),
    BOOL(optimizer.nesterov, CHANGES_ANSWER, "false", "sgd: look ahead"),
    REAL(optimizer.beta_1, "0.9", 0, 0.999999, "adam, adamw, lamb: decay of the mean"),
    REAL(optimizer.beta_2, "0.999", 0, 0.999999999, "adam, adamw, lamb: decay of the mean square"),
    REAL(optimizer.rho, "0.9", 0, 0.999999, "rmsprop: decay of the mean square"),
    REAL(optimizer.epsilon, "1e-07", 1e-30, 1, "keeps divisors off zero"),
    REAL(optimizer.weight_decay, "0.004", 0, 1, "adamw, lars, lamb"),
    REAL(optimizer.trust, "0.001", 1e-12, 1000, "lars: a step's share of the weights' norm"),
    BOOL(optimizer.decay_biases, CHANGES_ANSWER, "true", "false: only kernels decay"),
    REAL(optimizer.clip_norm, "0", 0, 1e9, "largest norm of the gradient; 0: any"),

    CHOICE(schedule.kind, CHANGES_ANSWER, "plateau", SCHEDULE_NAMES, "how the learning rate moves"),
    REAL(schedule.factor, "0.5", 1e-06, 0.999999, "plateau, step: a fall multiplies the rate"),
    WHOLE(schedule.patience, CHANGES_ANSWER, "3", 1, 1e6, "plateau: stale epochs before a fall"),
    REAL(schedule.min_delta, "0.0001", 0, 1, "plateau: what counts as better accuracy"),
    REAL(schedule.min_rate, "1e-05", 0, 1000, "plateau, step, cosine: never below"),
    WHOLE(schedule.every_epochs, CHANGES_ANSWER, "10", 1, 1e6, "step: epochs between falls"),
    REAL(schedule.warmup_epochs, "0", 0, 1e6, "the rate first rises for so long"),
    REAL(schedule.start_divisor, "25", 1, 1e9, "one_cycle: first rate = peak / this"),
    REAL(schedule.final_divisor, "10000", 1, 1e12, "one_cycle: last rate = first / this"),
    CHOICE(schedule.fall, CHANGES_ANSWER, "cosine", SCHEDULE_FALL_NAMES,
           "cosine, one_cycle: the shape of the way down"),

    CHOICE(average.kind, CHANGES_ANSWER, "none", AVERAGE_NAMES, "of the weights, to predict with"),
    REAL(average.decay, "0.999", 0, 0.999999, "ema: what the average keeps of itself"),
    REAL(average.start_epoch, "0", 0, 1e6, "epochs before the first weights are taken in"),
    WHOLE(average.measure_batches, CHANGES_ANSWER, "0", 0, 1e9,
          "batches to measure statistics on; 0: they are averaged too"),
    WHOLE(average.views, CHANGES_ANSWER, "1", 1, AUGMENT_VIEWS, "of each image, to predict with"),
    WHOLE(average.every_steps, CHANGES_ANSWER, "1", 1, 1e9, "steps between weights taken in"),

    WHOLE(checkpoint.keep, CHANGES_NOTHING, "3", 1, 1e6, "newest files kept, beside the best"),
    WHOLE(checkpoint.every_epochs, CHANGES_NOTHING, "1", 0, 1e6,
          "and after the best and the last; 0: after those only"),
    WHOLE(checkpoint.every_steps, CHANGES_NOTHING, "0", 0, 1e9, "also within epochs; 0: no"),

    BOOL(output.predict, CHANGES_NOTHING, "true", "write submission.csv at the end"),
    CHOICE(output.report, CHANGES_NOTHING, "end", REPORT_NAMES, "when report.html is made"),
    BOOL(output.tensorboard, CHANGES_NOTHING, "false", "write event files for TensorBoard"),
};

const size_t CONFIG_KEY_COUNT = sizeof CONFIG_KEYS / sizeof *CONFIG_KEYS;

_Static_assert(sizeof CONFIG_KEYS / sizeof *CONFIG_KEYS <= CONFIG_MOST_KEYS,
               "origins[] is too short");

const ConfigKey *config_find(const char *name) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (strcmp(CONFIG_KEYS[i].name, name) == 0) return &CONFIG_KEYS[i];
    return NULL;
}

size_t config_section_length(const char *name) {
    return strcspn(name, ".");
}

bool config_same_section(const ConfigKey *a, const ConfigKey *b) {
    size_t length = config_section_length(a->name);
    return length == config_section_length(b->name) && strncmp(a->name, b->name, length) == 0;
}

size_t config_key_count(void) {
    return CONFIG_KEY_COUNT;
}

const char *config_key_name(size_t key) {
    return CONFIG_KEYS[key].name;
}

const char *config_key_default(size_t key) {
    return CONFIG_KEYS[key].standard;
}

void config_key_text(char text[CONFIG_TEXT], size_t key, const Config *config) {
    config_print(text, &CONFIG_KEYS[key], config);
}

/* How near a key is: a name without a section is held against the keys' last parts only, and a
 * right last part in a wrong section is nearer than any other. */
const char *config_nearest(const char *name) {
    const char *dot = strchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;
    char word[256];
    Nearest misplaced = {.word = word}, misspelt = {.word = word};
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const char *key = CONFIG_KEYS[i].name;
        int section = (int)config_section_length(key);
        if (dot != NULL)
            snprintf(word, sizeof word, "%s", name);
        else
            snprintf(word, sizeof word, "%.*s.%s", section, key, name);
        nearest_offer(strcmp(key + section + 1, last) == 0 ? &misplaced : &misspelt, key);
    }
    return misplaced.best != NULL ? misplaced.best : misspelt.best;
}
