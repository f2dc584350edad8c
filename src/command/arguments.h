/* The command line: what to do, with which files, under which configuration.
 *
 *     mnist_dist [COMMAND] [OPTIONS] [key=value ...]
 *
 * The first word that is no option and no key=value names the command; without one it is train.
 * Options may stand anywhere; after `--` all words are files. Nothing here prints or exits: every
 * rank reads the same command line, and main alone speaks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"
#include "mnist_dist/train/config.h"

typedef enum CommandId {
    COMMAND_TRAIN,
    COMMAND_IMPORT,
    COMMAND_SYNTH,
    COMMAND_IMPORT_MODEL,
    COMMAND_EVALUATE,
    COMMAND_PREDICT,
    COMMAND_BENCH,
    COMMAND_WATCH,
    COMMAND_REPORT,
    COMMAND_EXPORT,
    COMMAND_COMPARE,
    COMMAND_INFO
} CommandId;

/* What a command does with key=value words. */
typedef enum CommandKeys {
    KEYS_NONE,          /* takes none */
    KEYS_OF_RUN,        /* they make up the configuration, with the defaults and --config */
    KEYS_OF_CHECKPOINT, /* they go on top of a checkpoint's (arguments_override); only those that
                           do not change its answer are taken */
    KEYS_OF_CONFIGS,    /* they go on top of each configuration that is named */
} CommandKeys;

typedef struct Arguments Arguments;

/* One row of the table of commands. */
typedef struct Command {
    CommandId id;
    const char *name;
    const char *synopsis;     /* what follows the name */
    const char *help;         /* what it does, after "To": a line of the program's help */
    const char *details;      /* further sentences, or NULL */
    const char *group;        /* where the program's help shows it: one of COMMAND_GROUPS */
    unsigned options;         /* a bit for each option that it takes, as in arguments_table.c */
    size_t least, most;       /* how many words it takes */
    const char *const *words; /* which ones, NULL at the end; or NULL: they are files */
    bool needs_output;        /* -o must be given */
    CommandKeys keys;
    bool needs_ranks; /* all ranks take part; else rank 0 does it alone */
    Status (*run)(Comm *comm, const Arguments *arguments);
} Command;

struct Arguments {
    const Command *command;
    bool command_given; /* false: it is train because none was named */
    Config config;      /* KEYS_OF_RUN: defaults, then --config, then key=value; checked */
    char **files;       /* words after the command: paths, or what to bench; owned */
    size_t file_count;
    char **assignments; /* key=value in order, --data among them as data.path=...; owned */
    size_t assignment_count;
    char **images; /* --images: that word and the words behind it; owned */
    size_t image_count;
    const char *config_path; /* --config, or NULL */
    const char *out;         /* --out, or NULL */
    const char *output;      /* -o, --output, or NULL */
    const char *tta;         /* --tta, or NULL */
    const char *seeds;       /* --seeds, or NULL */
    const char *to;          /* --to, or NULL */
    const char *timeline;    /* --timeline, or NULL */
    const char *max_time;    /* --max-time, or NULL */
    const char *rows;        /* --rows, or NULL */
    const char *test;        /* --test, or NULL */
    const char *seed;        /* --seed, or NULL */
    const char *resume;      /* --resume: "auto" (the default), "never", or a checkpoint's path */
    const char *help;        /* --help: "", or the key that it asks about; NULL without it */
    bool allow_overlap;
    bool print_config, json, model, version;
};

/* Takes the command line apart and reads the configuration file. STATUS_USAGE with a line that
 * names the word and the remedy. With --help or --version nothing further is checked or read.
 * The texts of argv must outlive *arguments; arguments_destroy is called in any case. */
Status arguments_read(Arguments *arguments, int argc, char *argv[]);
void arguments_destroy(Arguments *arguments);

/* Applies the environment's and the command line's keys to another configuration: a checkpoint's or
 * a file's. */
Status arguments_override(Config *config, const Arguments *arguments);

/* The number from `least` to `most` that an option's text says; *count is left alone if that is
 * NULL. STATUS_USAGE names the option. */
Status arguments_count(size_t *count, const char *option, const char *text, size_t least,
                       size_t most);

/* Writes the help: of the key that it asks about, of the command that was named, or of the program.
 * STATUS_USAGE with the nearest if there is no such key. */
Status arguments_help(FILE *out, const Arguments *arguments);
