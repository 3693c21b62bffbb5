#include "api/api.h"
#include "array/array_writer.h"

unic_status unic_npz_writer_create(unic_npz_writer **out, const char *path)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__array_writer_create(out, path));
    return UNIC_OK;
}

void unic_npz_writer_free(unic_npz_writer *writer)
{
    unic__array_writer_free(writer);
}

static unic_status check_writer(const unic_npz_writer *writer, const char *call)
{
    if (!writer->npz)
        return unic__fail(UNIC_E_STATE, "%s: %s is finished already; nothing can be added",
                          call, writer->path);
    return UNIC_OK;
}

/* What every call that adds begins with: its writer, a name, and what it is given under that
 * name. */
static unic_status check_member(unic_npz_writer *writer, const char *call, const char *name,
                                const void *given, const char *what)
{
    UNIC__TRY(check_writer(writer, call));
    if (!name || !*name)
        return unic__array_writer_note(
            writer, unic__fail(UNIC_E_ARG, "%s: name is %s, an array's name expected", call,
                               name ? "empty" : "NULL"));
    if (!given)
        return unic__array_writer_note(writer,
                                       unic__fail(UNIC_E_ARG, "%s: %s is NULL", call, what));
    return UNIC_OK;
}

unic_status unic_npz_writer_add(unic_npz_writer *writer, const char *name,
                                const unic_array *array)
{
    UNIC__REQUIRE(writer);
    UNIC__HOLD(writer);
    UNIC__TRY(check_member(writer, __func__, name, array, "array"));
    UNIC__TRY(unic__array_writer_note(writer, unic__array_check(array, __func__, name)));
    UNIC__TRY_NAMED(unic__array_writer_add(writer, name, array));
    return UNIC_OK;
}

unic_status unic_npz_writer_add_text(unic_npz_writer *writer, const char *name,
                                     const char *text)
{
    UNIC__REQUIRE(writer);
    UNIC__HOLD(writer);
    UNIC__TRY(check_member(writer, __func__, name, text, "text"));
    UNIC__TRY_NAMED(unic__array_writer_add_text(writer, name, text));
    return UNIC_OK;
}

/* dtype, rank and dims are checked as those of an array that has data. */
unic_status unic_npz_writer_begin(unic_npz_writer *writer, const char *name, unic_dtype dtype,
                                  int rank, const int64_t *dims)
{
    static const double somewhere = 0.0;
    unic_array array;
    UNIC__REQUIRE(writer);
    UNIC__HOLD(writer);
    UNIC__TRY(check_member(writer, __func__, name, rank ? (const void *)dims : name, "dims"));
    unic_array_init(&array, &somewhere, dtype, rank, dims);
    UNIC__TRY(unic__array_writer_note(writer, unic__array_check(&array, __func__, name)));
    unic__shape shape = unic__array_shape(&array);
    UNIC__TRY_NAMED(unic__array_writer_begin(writer, name, array.dtype, &shape));
    return UNIC_OK;
}

unic_status unic_npz_writer_append(unic_npz_writer *writer, const char *name,
                                   const unic_array *elements)
{
    UNIC__REQUIRE(writer);
    UNIC__HOLD(writer);
    UNIC__TRY(check_member(writer, __func__, name, elements, "elements"));
    UNIC__TRY(unic__array_writer_note(writer, unic__array_check(elements, __func__, name)));
    UNIC__TRY_NAMED(unic__array_writer_append(writer, name, elements));
    return UNIC_OK;
}

unic_status unic_npz_writer_finish(unic_npz_writer *writer)
{
    UNIC__REQUIRE(writer);
    UNIC__HOLD(writer);
    UNIC__TRY(check_writer(writer, __func__));
    UNIC__TRY_NAMED(unic__array_writer_finish(writer));
    return UNIC_OK;
}
