/* The structs that protobuf-c makes of onnx.proto, filled and packed.
 *
 * They point at one another, and all of them live until the file is written, so all memory of a
 * graph stands in one list and goes at once. */
#include "export/onnx_graph.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "onnx.pb-c.h"

enum { IR_VERSION = 8, OPERATOR_SET = 13, FLOATS = 1, MOST_DIMS = 5 };

typedef struct Block {
    struct Block *next;
    _Alignas(MEMORY_ALIGNMENT) char bytes[];
} Block;

/* A growing array of pointers to one kind of message. */
typedef struct List {
    void **items;
    size_t count;
} List;

struct OnnxGraph {
    Block *blocks;
    List nodes, constants;
    Onnx__ValueInfo *input, *output;
    Status failure;
};

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Zeroed bytes that live as long as the graph; NULL after a failure, which the graph keeps. */
static void *take(OnnxGraph *graph, size_t bytes) {
    if (graph->failure != STATUS_OK) return NULL;
    Block *block = memory_zeroed(1, sizeof *block + bytes);
    if (block == NULL) {
        graph->failure = STATUS_FAILED;
        return NULL;
    }
    block->next = graph->blocks;
    graph->blocks = block;
    return block->bytes;
}

static void *copy(OnnxGraph *graph, const void *from, size_t bytes) {
    void *to = take(graph, bytes);
    if (to != NULL && bytes > 0) memcpy(to, from, bytes);
    return to;
}

static char *copy_text(OnnxGraph *graph, const char *text) {
    return copy(graph, text, strlen(text) + 1);
}

static void append(OnnxGraph *graph, List *list, void *item) {
    if (item == NULL) return;
    void **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items == NULL) {
        graph->failure = status_fail(STATUS_FAILED, "out of memory");
        return;
    }
    items[list->count++] = item;
    list->items = items;
}

Status onnx_graph_new(OnnxGraph **out) {
    return MEMORY_NEW(out, 1);
}

void onnx_graph_destroy(OnnxGraph *graph) {
    if (graph == NULL) return;
    for (Block *block = graph->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(graph->nodes.items);
    free(graph->constants.items);
    free(graph);
}

/* ---- Inputs and outputs ---------------------------------------------------------------------- */

static Onnx__Dimension *new_dimension(OnnxGraph *graph, int64_t value) {
    Onnx__Dimension *dimension = take(graph, sizeof *dimension);
    if (dimension == NULL) return NULL;
    onnx__dimension__init(dimension);
    dimension->has_dim_value = value > 0;
    dimension->dim_value = value;
    if (value == 0) dimension->dim_param = copy_text(graph, "n");
    return dimension;
}

static Onnx__Shape *new_shape(OnnxGraph *graph, int rank, const size_t dims[]) {
    Onnx__Shape *shape = take(graph, sizeof *shape);
    if (shape == NULL) return NULL;
    onnx__shape__init(shape);
    shape->n_dim = (size_t)rank + 1;
    shape->dim = take(graph, shape->n_dim * sizeof *shape->dim);
    for (int i = 0; i <= rank && shape->dim != NULL; i++)
        shape->dim[i] = new_dimension(graph, i == 0 ? 0 : (int64_t)dims[i - 1]);
    return shape;
}

static Onnx__ValueInfo *new_value(OnnxGraph *graph, const char *name, int rank,
                                  const size_t dims[]) {
    Onnx__ValueInfo *value = take(graph, sizeof *value);
    Onnx__Type *type = take(graph, sizeof *type);
    Onnx__TensorType *tensor = take(graph, sizeof *tensor);
    if (tensor == NULL) return NULL;
    onnx__value_info__init(value);
    onnx__type__init(type);
    onnx__tensor_type__init(tensor);
    tensor->has_elem_type = 1;
    tensor->elem_type = FLOATS;
    tensor->shape = new_shape(graph, rank, dims);
    type->tensor_type = tensor;
    value->name = copy_text(graph, name);
    value->type = type;
    return value;
}

void onnx_graph_input(OnnxGraph *graph, const char *name, int rank, const size_t dims[]) {
    graph->input = new_value(graph, name, rank, dims);
}

void onnx_graph_output(OnnxGraph *graph, const char *name, int rank, const size_t dims[]) {
    graph->output = new_value(graph, name, rank, dims);
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static Onnx__Attribute *new_attribute(OnnxGraph *graph, const OnnxAttribute *from) {
    Onnx__Attribute *attribute = take(graph, sizeof *attribute);
    if (attribute == NULL) return NULL;
    onnx__attribute__init(attribute);
    attribute->name = copy_text(graph, from->name);
    attribute->has_type = 1;
    attribute->type = (int32_t)from->kind;
    attribute->has_f = from->kind == ONNX_FLOAT;
    attribute->f = (float)from->number;
    attribute->has_i = from->kind == ONNX_INT;
    attribute->i = (int64_t)from->number;
    attribute->has_s = from->kind == ONNX_STRING;
    if (from->kind == ONNX_STRING) {
        attribute->s.data = (uint8_t *)copy_text(graph, from->text);
        attribute->s.len = strlen(from->text);
    }
    attribute->n_ints = from->kind == ONNX_INTS ? from->count : 0;
    attribute->ints = copy(graph, from->values, attribute->n_ints * sizeof *from->values);
    return attribute;
}

static void set_attributes(OnnxGraph *graph, Onnx__Node *node, const OnnxAttribute *from) {
    size_t count = 0;
    while (from != NULL && from[count].name != NULL) count++;
    node->attribute = take(graph, count * sizeof *node->attribute);
    for (size_t i = 0; i < count && node->attribute != NULL; i++)
        node->attribute[node->n_attribute++] = new_attribute(graph, &from[i]);
}

void onnx_graph_node(OnnxGraph *graph, const char *operator, const char * const inputs[],
                     size_t count, const char *output, const OnnxAttribute *attributes) {
    Onnx__Node *node = take(graph, sizeof *node);
    if (node == NULL) return;
    onnx__node__init(node);
    node->op_type = copy_text(graph, operator);
    node->name = copy_text(graph, output);
    node->input = take(graph, count * sizeof *node->input);
    for (size_t i = 0; i < count && node->input != NULL; i++)
        node->input[node->n_input++] = copy_text(graph, inputs[i]);
    node->output = take(graph, sizeof *node->output);
    if (node->output != NULL) node->output[node->n_output++] = node->name;
    set_attributes(graph, node, attributes);
    append(graph, &graph->nodes, node);
}

/* ---- Constants ------------------------------------------------------------------------------- */

void onnx_graph_floats(OnnxGraph *graph, const char *name, int rank, const size_t dims[],
                       const float *values) {
    int64_t wide[MOST_DIMS];
    size_t bytes = sizeof *values;
    Onnx__Tensor *tensor = take(graph, sizeof *tensor);
    if (tensor == NULL) return;
    for (int i = 0; i < rank; i++) {
        wide[i] = (int64_t)dims[i];
        bytes *= dims[i];
    }
    onnx__tensor__init(tensor);
    tensor->name = copy_text(graph, name);
    tensor->has_data_type = 1;
    tensor->data_type = FLOATS;
    tensor->n_dims = (size_t)rank;
    tensor->dims = copy(graph, wide, (size_t)rank * sizeof *wide);
    tensor->has_raw_data = 1;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = copy(graph, values, bytes);
    append(graph, &graph->constants, tensor);
}

/* ---- The file -------------------------------------------------------------------------------- */

static Status write_model(const Onnx__Model *model, const char *path) {
    size_t bytes = onnx__model__get_packed_size(model);
    uint8_t *packed = malloc(bytes);
    if (packed == NULL) return status_fail(STATUS_FAILED, "%s: out of memory", path);
    onnx__model__pack(model, packed);
    Status status = safefile_write(path, packed, bytes, STATUS_FAILED);
    free(packed);
    return status;
}

Status onnx_graph_write(OnnxGraph *graph, const char *path) {
    Onnx__Model model = ONNX__MODEL__INIT;
    Onnx__Graph inner = ONNX__GRAPH__INIT;
    Onnx__OperatorSet set = ONNX__OPERATOR_SET__INIT, *sets = &set;
    if (graph->failure != STATUS_OK) return graph->failure;
    inner.name = (char[]){"mnist_dist"};
    inner.n_node = graph->nodes.count;
    inner.node = (Onnx__Node **)graph->nodes.items;
    inner.n_initializer = graph->constants.count;
    inner.initializer = (Onnx__Tensor **)graph->constants.items;
    inner.n_input = inner.n_output = 1;
    inner.input = &graph->input;
    inner.output = &graph->output;
    set.domain = (char[]){""};
    set.has_version = model.has_ir_version = 1;
    set.version = OPERATOR_SET;
    model.ir_version = IR_VERSION;
    model.producer_name = (char[]){"mnist_dist"};
    model.producer_version = (char[]){MNIST_DIST_VERSION};
    model.graph = &inner;
    model.n_opset_import = 1;
    model.opset_import = &sets;
    return write_model(&model, path);
}
