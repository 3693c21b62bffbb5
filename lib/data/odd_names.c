#include "data/odd_names.h"

#include <stdlib.h>
#include <string.h>

/* ---- names that look the same ------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int order = unic__compare_loosely(x, y);
    return order ? order : strcmp(x, y);
}

unic_status unic__report_near_names(const unic__class_names *names, const char *path)
{
    size_t n = 0, bytes = names->n * sizeof *names->at; /* as large as names->at */
    const char **sorted = unic__alloc(bytes), *example[2] = {NULL, NULL};
    if (!sorted)
        return unic__no_memory(bytes, "the names of classes");
    memcpy(sorted, names->at, bytes);
    if (names->n)
        qsort(sorted, names->n, sizeof *sorted, compare_names);
    for (size_t i = names->n; i-- > 1;) {
        if (unic__compare_loosely(sorted[i - 1], sorted[i]) != 0)
            continue;
        n++;
        example[0] = sorted[i - 1];
        example[1] = sorted[i];
    }
    if (n)
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: %zu of %zu classes have the name of another but for case and blanks, "
            "as \"%s\" and \"%s\": they are different classes",
            path, n, names->n, example[0], example[1]);
    unic__free(sorted);
    return UNIC_OK;
}

/* ---- names that look like lists ---------------------------------------------------------- */

/* Whether a name begins or ends with the bracket of a list: "{'Dog'}", "('Speech'", "'Dog')". */
static bool is_of_brackets(const char *name)
{
    static const char open[] = "([{", close[] = ")]}";
    const size_t size = strlen(name);
    for (size_t i = 0; size && open[i]; i++) {
        const char *end = strchr(name, close[i]);
        if ((*name == open[i] && (!end || !end[1])) ||
            (name[size - 1] == close[i] && !strchr(name, open[i])))
            return true;
    }
    return false;
}

static bool is_class(const unic__class_names *names, unic__piece name)
{
    const char *found = names->at[unic__class_names_find(names, name)];
    return strlen(found) == name.size && memcmp(found, name.start, name.size) == 0;
}

/* Whether a name is parted by the delimiter, and a part is a class by itself: "Speech|Dog" where
 * there is "Dog". */
static bool is_joined(const unic__class_names *names, const char *name, char delimiter)
{
    bool found = false;
    const char *end = strchr(name, delimiter);
    if (!end)
        return false;
    for (; end; end = strchr(name, delimiter)) {
        found |= is_class(names, unic__piece_trim((unic__piece){name, (size_t)(end - name)}));
        name = end + 1;
    }
    return found || is_class(names, unic__piece_trim((unic__piece){name, strlen(name)}));
}

void unic__report_odd_names(const unic__class_names *names, const char *path)
{
    const char *bracket = NULL, *joined = NULL;
    size_t brackets = 0, joins = 0;
    for (size_t i = names->n; i-- > 0;) {
        const char *name = names->at[i];
        if (is_of_brackets(name)) {
            brackets++;
            bracket = name;
        } else if (is_joined(names, name, '|') || is_joined(names, name, ';')) {
            joins++;
            joined = name;
        }
    }
    if (brackets)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu classes of events have a bracket in their names, as "
                       "\"%s\": a list is written Speech,Dog or ['Speech', 'Dog']",
                       path, brackets, names->n, bracket);
    if (joins)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu classes of events have another of them in their names, "
                       "as \"%s\": a list is written Speech,Dog or ['Speech', 'Dog']",
                       path, joins, names->n, joined);
}
