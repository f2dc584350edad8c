/* A graph of ONNX under construction; see onnx_graph.c. Calls return nothing: the first failure
 * (of memory) stays with the graph, and onnx_graph_write tells it. Names are copied. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct OnnxGraph OnnxGraph;

/* Attributes of a node, ended by one without a name. */
typedef enum OnnxKind { ONNX_FLOAT = 1, ONNX_INT = 2, ONNX_STRING = 3, ONNX_INTS = 7 } OnnxKind;
typedef struct OnnxAttribute {
    const char *name;
    OnnxKind kind;
    double number;     /* FLOAT, INT */
    const char *text;  /* STRING */
    size_t count;      /* INTS */
    int64_t values[4]; /* INTS */
} OnnxAttribute;

Status onnx_graph_new(OnnxGraph **out);
void onnx_graph_destroy(OnnxGraph *graph); /* NULL is fine */

/* The graph's input or output: float, (n, dims...). */
void onnx_graph_input(OnnxGraph *graph, const char *name, int rank, const size_t dims[]);
void onnx_graph_output(OnnxGraph *graph, const char *name, int rank, const size_t dims[]);

/* A node of one output. `inputs`: names; `attributes` may be NULL. */
void onnx_graph_node(OnnxGraph *graph, const char *operator, const char * const inputs[],
                     size_t count, const char *output, const OnnxAttribute *attributes);

/* A constant of floats, copied. */
void onnx_graph_floats(OnnxGraph *graph, const char *name, int rank, const size_t dims[],
                       const float *values);

/* Writes the model by safefile. */
Status onnx_graph_write(OnnxGraph *graph, const char *path);
