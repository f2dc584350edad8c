/* The configuration: one small options struct per module, filled from one table of keys.
 *
 * A key is one row of the table in config_keys.c: its name, type, place, default, bounds, whether
 * it changes the answer, and a line of help. Parsing, bounds, defaults, --help, the printed
 * configuration and the comparison at a resume all come from that table. Values come from the
 * defaults, then a YAML file, then the environment, then key=value arguments; each remembers which.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/data/augment.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/average.h"
#include "mnist_dist/train/optimizer.h"
#include "mnist_dist/train/progress.h"
#include "mnist_dist/train/schedule.h"

enum { CONFIG_MAX_SHARDS = 4096 };

typedef struct TrainingOptions {
    int64_t epochs;
    int64_t batch_size; /* samples of a global batch */
    int64_t accumulate; /* global batches of a step, whose gradients are added up */
    int64_t shards;     /* parts of a global batch; a power of two */
    int64_t threads;    /* per rank */
    int64_t seed;
    bool drop_last;             /* leave out an epoch's ragged last batch */
    double label_smoothing;     /* share of a target's weight that all classes get alike */
    int64_t validate_every;     /* epochs; the last one is validated too. 0 is that one only */
    int64_t early_stopping;     /* epochs without a better validation accuracy; 0 is never */
    int64_t divergence_retries; /* how often a run goes back when it diverges, at half the rate */
    int wire;                   /* a Compute: what gradients are rounded to and travel in */
    bool overlap;               /* whether messages travel while ranks compute */
    int64_t bucket_size;        /* kB of the vector that travel at a time; 0 is all of it */
    int64_t check_replicas;     /* steps between comparisons of the ranks' parameters; 0 is never */
    int64_t hang_timeout;       /* seconds without progress that end the job; 0: none do */
} TrainingOptions;

typedef struct CheckpointOptions {
    int64_t keep;         /* how many of the newest step files stay, beside the best */
    int64_t every_epochs; /* write at the ends of these epochs, of the best and of the last */
    int64_t every_steps;  /* write within epochs too; 0 is at their ends only */
} CheckpointOptions;

typedef enum ReportWhen { REPORT_AT_END, REPORT_AT_CHECKPOINTS, REPORT_NEVER } ReportWhen;

/* Names by value, "end" and so on; NULL at the end. */
extern const char *const REPORT_NAMES[];

typedef struct OutputOptions {
    bool predict;     /* write submission.csv at the end if the data hold test images */
    int report;       /* a ReportWhen: when the run's page is made */
    bool tensorboard; /* write event files for TensorBoard */
} OutputOptions;

typedef enum ConfigSource {
    CONFIG_BY_DEFAULT,
    CONFIG_BY_FILE,
    CONFIG_BY_ENVIRONMENT,
    CONFIG_BY_COMMAND_LINE
} ConfigSource;

/* Where a key's value came from. */
typedef struct ConfigOrigin {
    ConfigSource source;
    uint32_t line; /* of the file */
} ConfigOrigin;

enum { CONFIG_MOST_KEYS = 256 };

typedef struct Config {
    char name[256]; /* the file's name without folder and .yaml; "baseline" by default */
    DataOptions data;
    ModelOptions model;
    AugmentOptions augmentation;
    TrainingOptions training;
    OptimizerOptions optimizer;
    ScheduleOptions schedule;
    AverageOptions average;
    CheckpointOptions checkpoint;
    OutputOptions output;
    ConfigOrigin origins[CONFIG_MOST_KEYS]; /* by key */
} Config;

/* Every key at its default: configs/baseline.yaml. */
void config_defaults(Config *config);

/* Takes the keys that a YAML file sets. STATUS_USAGE with "FILE:LINE: KEY: ..." : what was
 * expected, and the nearest key for an unknown one; a key given twice is an error. */
Status config_read_file(Config *config, const char *path);

/* The same from text; `name` stands for the file in messages. */
Status config_read_text(Config *config, const char *text, const char *name);

/* Takes one "section.key=value" of the command line. */
Status config_set(Config *config, const char *assignment);

/* Takes the keys that variables set, training.epochs from MNIST_DIST_TRAINING_EPOCHS: of a
 * checkpoint's configuration (`spares`) only those that do not change the answer. A name that
 * begins as a section's and is no key is refused, with the nearest; others are not looked at. */
Status config_read_environment(Config *config, bool spares);

/* A digest of those variables, whatever their order: the same on all ranks, or they would not
 * train alike. */
uint64_t config_environment_digest(void);

/* Checks what no single key can show: batch_size against shards and the like. */
Status config_check(const Config *config);

/* The schedule's base rate: optimizer.learning_rate, scaled to the samples of a whole step. */
double config_base_rate(const Config *config);

/* Global batches, and optimizer steps, of an epoch of so many training rows. */
uint64_t config_epoch_batches(const Config *config, uint64_t rows);
uint64_t config_epoch_steps(const Config *config, uint64_t rows);

/* The learning rate of the step that follows: the schedule's, halved at each setback. */
double config_rate(const Config *config, const Progress *progress, uint64_t steps_per_epoch);

/* The part of the rows that is held out: data.fold, or the seed modulo data.folds; 0 if none is. */
int64_t config_held_out_fold(const Config *config);

/* The whole configuration as YAML that config_read_text takes back bit for bit; the caller frees
 * *text. */
Status config_write(char **text, const Config *config);

/* The same with a comment on each value that says where it came from; `file` is the name of the
 * file that config_read_file read, or NULL. */
Status config_write_origins(char **text, const Config *config, const char *file);

/* Whether a run may be resumed under `now`: STATUS_USAGE naming the first key that changes the
 * answer and differs, with both values and the remedy. */
Status config_compare(const Config *saved, const Config *now, const char *checkpoint);

/* The table for --help: each key with its default, bounds and meaning. */
void config_help(FILE *out);

/* All about one key, or about each of a section. STATUS_USAGE with the nearest if it is neither. */
Status config_help_key(FILE *out, const char *name);

/* The key that somebody who wrote `name` most likely meant; never NULL. */
const char *config_nearest(const char *name);

/* libyaml's version. */
const char *config_yaml_version(void);

/* The keys one by one, key below config_key_count: for those who show them. */
enum { CONFIG_TEXT = 4096 }; /* bytes that hold any value as text */
size_t config_key_count(void);
const char *config_key_name(size_t key);
const char *config_key_default(size_t key);
void config_key_text(char text[CONFIG_TEXT], size_t key, const Config *config);

/* Whether another value of this key gives other bits; `name` may be "section.key=value" too. */
bool config_changes_answer(const char *name);
