/*
 * unic-convert: a model in another format: a CMG checkpoint as a model of this library, and
 * either as safetensors; the weights of a pretrained network as an extractor's file.
 */
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/extractor.h"
#include "cli/limit.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/safetensors.h"
#include "cli/table.h"

typedef struct request {
    const char *in_path, *out_path; /* out_path: NULL with --list */
    const char *weights;            /* NULL: the model's own */
    cli_extractor_source network;   /* kind NULL: IN is a model */
    bool list;
    cli_list settings;
} request;

/* What an exported tensor is, and where its elements are. */
typedef struct tensor {
    const char *name;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    const float *data;
} tensor;

static const char embedding[] = "codebook.embedding";

/* Tensor number `i`: the codes, then the parameters; *end behind the last one. */
static bool tensor_at(unic_model *model, const unic_codebook *codebook, size_t i, tensor *t,
                      bool *end)
{
    *end = false;
    if (i == 0) {
        *t = (tensor){
            embedding,
            {(int64_t)unic_codebook_code_count(codebook), (int64_t)unic_codebook_dim(codebook)},
            2,
            unic_codebook_embedding(codebook)};
        return true;
    }
    unic_status status = unic_model_parameter_at(&t->name, &t->data, &t->rank, model, i - 1,
                                                 t->dims);
    *end = status == UNIC_E_NOTFOUND;
    return *end || cli_ok(status);
}

static bool list(unic_model *model, const unic_codebook *codebook)
{
    cli_table table;
    tensor t;
    bool end;
    cli_table_begin(&table, 2);
    cli_table_cell(&table, "tensor");
    cli_table_cell(&table, "dims");
    for (size_t i = 0;; i++) {
        char dims[160] = "";
        size_t used = 0;
        if (!tensor_at(model, codebook, i, &t, &end))
            return false;
        if (end)
            return cli_table_end(&table, stdout);
        for (size_t k = 0; k < t.rank; k++)
            used += (size_t)snprintf(dims + used, sizeof dims - used, "%s%lld", k ? " " : "",
                                     (long long)t.dims[k]);
        cli_table_cell(&table, "%s", t.name);
        cli_table_cell(&table, "%s", dims);
    }
}

static bool export(unic_model *model, const unic_codebook *codebook, const char *path)
{
    cli_safetensors out;
    tensor t;
    bool end, ok = cli_safetensors_open(&out, path);
    ok = ok && cli_safetensors_note(&out, "format", "libunicode") &&
         cli_safetensors_note(&out, "config", unic_model_config(model));
    for (int writing = 0; ok && writing < 2; writing++)
        for (size_t i = 0; (ok = ok && tensor_at(model, codebook, i, &t, &end)) && !end; i++)
            ok = writing ? cli_safetensors_write(&out, t.dims, t.rank, t.data)
                         : cli_safetensors_declare(&out, t.name, t.dims, t.rank);
    ok = ok && cli_safetensors_finish(&out);
    cli_safetensors_abandon(&out);
    return ok;
}

/* The model becomes one with the weights that were asked for. */
static bool change_weights(unic_model **model, const char *weights)
{
    unic_model *changed;
    if (!cli_ok(unic_model_convert(&changed, *model, weights)))
        return false;
    unic_model_free(*model);
    *model = changed;
    return true;
}

static bool convert(const request *r)
{
    unic_model *model = NULL;
    unic_codebook *codebook = NULL;
    bool ok = cli_model_open(&model, r->in_path, &r->settings) &&
              (!r->weights || change_weights(&model, r->weights)) &&
              cli_ok(unic_model_codebook(&codebook, model));
    if (ok && r->list)
        ok = list(model, codebook);
    else if (ok && cli_ends_with(r->out_path, ".npz"))
        ok = cli_ok(unic_model_save(model, r->out_path));
    else if (ok)
        ok = export(model, codebook, r->out_path);
    if (ok && !r->list)
        printf("written: %s\n", r->out_path);
    unic_codebook_free(codebook);
    unic_model_free(model);
    return ok;
}

/* The weights of a pretrained network, as the file of an extractor. */
static bool convert_network(const request *r)
{
    unic_extractor *extractor = NULL;
    const bool ok = cli_extractor_open(&extractor, &r->network) &&
                    cli_ok(unic_extractor_save(extractor, r->out_path));
    if (ok)
        printf("written: %s\n", r->out_path);
    unic_extractor_free(extractor);
    return ok;
}

static const char purpose[] =
    "a model in another format.\n\n"
    "A checkpoint of the CMG code becomes a model's file, which the other programs and the\n"
    "library open; a checkpoint or a model's file becomes safetensors. A model's file becomes\n"
    "one of half its size. Weights of a pretrained network become an extractor's file.";

static const char more[] =
    "IN is a checkpoint (.pt, .pth, .pth.tar, .ckpt, .bin, ...) or a model's file (.npz): it "
    "is\n"
    "known by its contents. What a checkpoint does not tell is assumed, and said.\n"
    "OUT is one of\n"
    "  .npz          a model's file: config, parameters of inference, codebook and its state\n"
    "  .safetensors  the same parameters and \"codebook.embedding\" as F32; the config is in\n"
    "                __metadata__\n"
    "It appears when it is complete.\n"
    "f16 rounds weights to 11 significant bits, which changes few codes, and bf16 to 8; a\n"
    "weight beyond 65504 is refused for f16. Biases, norms and the codebook stay f32. Such a\n"
    "model takes half the memory too.\n"
    "With --kind, IN is what torch.save() wrote of a network (.pth, .bin), safetensors or an\n"
    "npz, and OUT an .npz with its weights, settings and word lists, which unic-extract and\n"
    "unic-encode take as --extractor.\n"
    "\n"
    "Examples:\n"
    "  unic-convert DCID-model-4.pt model.npz --set encoder.heads=8\n"
    "  unic-convert model.npz half.npz --weights f16\n"
    "  unic-convert model.npz model.safetensors\n"
    "  unic-convert --list DCID-model-4.pt\n"
    "  unic-convert --kind vgg19 vgg19-dcbb9e9d.pth vgg19.npz --set preprocessing=torch";

static void check_network(const cli_program *program, request *r)
{
    if (!r->network.kind && (r->network.vocabulary || r->network.keep))
        cli_wrong_usage(program, "--vocabulary and --keep go with --kind");
    if (!r->network.kind)
        return;
    if (r->list || r->weights || !cli_ends_with(r->out_path, ".npz"))
        cli_wrong_usage(program, "--kind goes with an OUT that ends in .npz, and neither with "
                                 "--list nor with --weights");
    r->network.weights = r->in_path;
    r->network.keys = &r->settings;
}

static void check_usage(const cli_program *program, const cli_list *files, request *r)
{
    size_t expected = r->list ? 1 : 2;
    if (files->count != expected)
        cli_wrong_usage(program, "expected %s, not %zu files", r->list ? "IN" : "IN and OUT",
                        files->count);
    r->in_path = files->items[0];
    r->out_path = r->list ? NULL : files->items[1];
    if (r->out_path && !cli_ends_with(r->out_path, ".npz") &&
        !cli_ends_with(r->out_path, ".safetensors"))
        cli_wrong_usage(program, "OUT is \"%s\", but must end in .npz or .safetensors",
                        r->out_path);
    if (r->weights && (r->list || !cli_ends_with(r->out_path, ".npz")))
        cli_wrong_usage(program, "--weights is for an OUT that ends in .npz");
    check_network(program, r);
}

int main(int argc, char **argv)
{
    request r = {0};
    cli_list files = {0};
    const cli_option options[] = {
        {"--set", "KEY=VALUE",
         "what a CMG checkpoint does not tell (encoder.heads=8), or a setting of the kind; may "
         "be given again",
         .list = &r.settings},
        {"--weights", "TYPE",
         "of an .npz: f16 or bf16 for weights of 16 bits, or f32; without it as in IN",
         .text = &r.weights},
        {"--kind", "KIND",
         "IN has the weights of this kind of extractor: vggish, vgg19 or bert",
         .text = &r.network.kind},
        {"--vocabulary", "FILE", "of bert: its vocab.txt", .text = &r.network.vocabulary},
        {"--keep", "FILE", "of bert: words that give a step, one a line; others give none",
         .text = &r.network.keep},
        {"--list", NULL, "print the tensors' names and dims, and write nothing",
         .flag = &r.list},
        CLI_MEMORY_LIMIT_OPTION,
    };
    const cli_program program = {
        .name = "unic-convert",
        .purpose = purpose,
        .usage = "IN OUT [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &files,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    check_usage(&program, &files, &r);
    const char *const inputs[] = {r.in_path, r.network.vocabulary, r.network.keep};
    bool ok = cli_output_ready("OUT", r.out_path, inputs, 3) &&
              (r.network.kind ? convert_network(&r) : convert(&r));
    int status = cli_exit_status(ok);
    cli_list_free(&files);
    cli_list_free(&r.settings);
    return status;
}
