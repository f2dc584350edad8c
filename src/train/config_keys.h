/* The table of configuration keys, for the files of the configuration and the manual alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/train/config.h"

typedef enum KeyType {
    KEY_INTEGER, /* int64_t */
    KEY_REAL,    /* double */
    KEY_BOOL,    /* bool */
    KEY_CHOICE,  /* int, the index in choices */
    KEY_TEXT,    /* char[], one line of printable text */
    KEY_LAYERS   /* char[], layers joined by ", "; a list in YAML */
} KeyType;

/* Whether a run may be resumed with another value. */
typedef enum KeyEffect {
    CHANGES_NOTHING,     /* the bits of every step stay as they are, or the machine decides them */
    CHANGES_ANSWER,      /* so it must not differ */
    CHANGES_WITH_LENGTH, /* changes the answer of runs to which their length matters */
} KeyEffect;

typedef struct ConfigKey {
    const char *name; /* "section.key" */
    KeyType type;
    size_t offset, size; /* of the field in Config */
    KeyEffect effect;
    const char *standard; /* the default, as it would be written */
    const char *help;
    double lowest, highest;     /* of integers and reals */
    const char *word;           /* of integers: a word that stands for -1 */
    const char *const *choices; /* NULL at the end */
} ConfigKey;

extern const ConfigKey CONFIG_KEYS[];
extern const size_t CONFIG_KEY_COUNT;

/* The key of this name, or NULL. */
const ConfigKey *config_find(const char *name);

/* The length of the name's section: 8 in "training.epochs". */
size_t config_section_length(const char *name);

/* Whether two keys stand in one section. */
bool config_same_section(const ConfigKey *a, const ConfigKey *b);

/* Where a value stands. */
typedef struct ConfigPlace {
    ConfigSource source;
    const char *name; /* of the file, or of the variable */
    size_t line;      /* of the file, from 1 */
} ConfigPlace;

/* "FILE:LINE", or in words: what messages begin with. */
enum { CONFIG_PLACE = 1200 };
const char *config_place(char text[CONFIG_PLACE], const ConfigPlace *place);

/* Takes a value as text, and remembers its place. If it is none of this key's: STATUS_USAGE with
 * "PLACE: KEY=VALUE: expected ...", and the field stays as it was.
 * STATUS_FAILED if there is no memory to see. */
Status config_take(Config *config, const ConfigKey *key, const char *text,
                   const ConfigPlace *place);

/* Takes the key's default, which cannot fail. */
void config_take_default(Config *config, const ConfigKey *key);

/* "an integer from 1 to 1000000": what config_take expects. */
void config_describe(char text[CONFIG_TEXT], const ConfigKey *key);

/* Writes a value as text that config_take reads back to the same bits. */
void config_print(char text[CONFIG_TEXT], const ConfigKey *key, const Config *config);

/* Writes `text` in double quotes, as YAML. */
void config_quote(FILE *out, const char *text);

/* MNIST_DIST_TRAINING_EPOCHS of training.epochs. */
enum { CONFIG_VARIABLE = 128 };
void config_variable(char variable[CONFIG_VARIABLE], const char *name);

/* Whether YAML gives back this text, in quotes, as it was: not so for line ends, control characters
 * and bytes that are no UTF-8. Without memory false, with the failure recorded. */
bool config_yaml_keeps(const char *text);
