#include "cli/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/report.h"

enum { ALIGNMENT = 8, BLOCK = 1024 };

bool cli_safetensors_open(cli_safetensors *s, const char *path)
{
    memset(s, 0, sizeof *s);
    s->notes = open_memstream(&s->notes_text, &s->notes_size);
    s->tensors = open_memstream(&s->tensors_text, &s->tensors_size);
    if (!s->notes || !s->tensors)
        return cli_fail("out of memory for the header of %s", path);
    return cli_output_open(&s->output, path);
}

/* A stream in memory fails only for want of it. */
static bool is_good(const cli_safetensors *s, FILE *stream)
{
    if (fflush(stream) || ferror(stream))
        return cli_fail("out of memory for the header of %s", s->output.path);
    return true;
}

bool cli_safetensors_note(cli_safetensors *s, const char *key, const char *text)
{
    if (s->notes_size > 0)
        fputc(',', s->notes);
    cli_json_text(s->notes, key);
    fputc(':', s->notes);
    cli_json_text(s->notes, text);
    return is_good(s, s->notes);
}

static uint64_t bytes_of(const int64_t *dims, size_t rank)
{
    uint64_t bytes = sizeof(float);
    for (size_t i = 0; i < rank; i++)
        bytes *= (uint64_t)dims[i];
    return bytes;
}

bool cli_safetensors_declare(cli_safetensors *s, const char *name, const int64_t *dims,
                             size_t rank)
{
    uint64_t end = s->declared + bytes_of(dims, rank);
    fputc(',', s->tensors); /* __metadata__ stands before the first */
    cli_json_text(s->tensors, name);
    fputs(":{\"dtype\":\"F32\",\"shape\":[", s->tensors);
    for (size_t i = 0; i < rank; i++)
        fprintf(s->tensors, "%s%" PRId64, i ? "," : "", dims[i]);
    fprintf(s->tensors, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", s->declared, end);
    s->declared = end;
    return is_good(s, s->tensors);
}

/* Little-endian, whatever this machine is. */
static void put(unsigned char *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> 8 * i);
}

static bool begin(cli_safetensors *s)
{
    static const char open[] = "{\"__metadata__\":{", close[] = "}";
    FILE *out = s->output.stream;
    unsigned char size[8];
    uint64_t length = sizeof open - 1 + s->notes_size + sizeof close - 1 + s->tensors_size + 1;
    uint64_t padding = (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
    put(size, length + padding, sizeof size);
    fwrite(size, 1, sizeof size, out);
    fprintf(out, "%s%s%s%s}%*s", open, s->notes_text, close, s->tensors_text, (int)padding, "");
    s->begun = true;
    return !ferror(out) || cli_fail("cannot write %s: %s", s->output.path, strerror(errno));
}

bool cli_safetensors_write(cli_safetensors *s, const int64_t *dims, size_t rank,
                           const float *data)
{
    unsigned char block[BLOCK * sizeof(float)];
    FILE *out = s->output.stream;
    size_t count = (size_t)(bytes_of(dims, rank) / sizeof(float));
    if (!s->begun && !begin(s))
        return false;
    for (size_t done = 0, n; done < count; done += n) {
        n = count - done < BLOCK ? count - done : BLOCK;
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, data + done + i, sizeof bits);
            put(block + i * sizeof bits, bits, sizeof bits);
        }
        if (fwrite(block, sizeof(float), n, out) != n)
            return cli_fail("cannot write %s: %s", s->output.path, strerror(errno));
    }
    s->written += bytes_of(dims, rank);
    return true;
}

bool cli_safetensors_finish(cli_safetensors *s)
{
    if (s->written != s->declared)
        return cli_fail("%s: %" PRIu64 " bytes of elements, but %" PRIu64 " were declared",
                        s->output.path, s->written, s->declared);
    return cli_output_commit(&s->output);
}

void cli_safetensors_abandon(cli_safetensors *s)
{
    if (s->notes)
        fclose(s->notes);
    if (s->tensors)
        fclose(s->tensors);
    free(s->notes_text);
    free(s->tensors_text);
    cli_output_discard(&s->output);
    memset(s, 0, sizeof *s);
}
