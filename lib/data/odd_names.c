#include "data/odd_names.h"

#include <stdlib.h>
#include <string.h>

/* ---- names that look the same ------------------------------------------------------------ */

unic_status unic__report_near_names(const unic__class_names *names, const char *path)
{
    size_t n = 0, bytes = names->n * sizeof *names->at; /* as large as names->at */
    const char **sorted = unic__alloc(bytes), *example[2] = {NULL, NULL};
    if (!sorted)
        return unic__no_memory(bytes, "the names of classes");
    memcpy(sorted, names->at, bytes);
    if (names->n)
        qsort(sorted, names->n, sizeof *sorted, unic__compare_loosely_at);
    for (size_t i = names->n; i-- > 1;) {
        if (unic__compare_loosely(sorted[i - 1], sorted[i]) != 0)
            continue;
        n++;
        example[0] = sorted[i - 1];
        example[1] = sorted[i];
    }
    if (n)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu classes have the name of another but for case, accents, "
                       "blanks, _ and -, as \"%s\" and \"%s\": they are different classes",
                       path, n, names->n, example[0], example[1]);
    unic__free(sorted);
    return UNIC_OK;
}

/* ---- names that look like lists ---------------------------------------------------------- */

/* Whether a name begins or ends with the bracket of a list: "{'Dog'}", "('Speech'", "'Dog')",
 * "set()". */
static bool is_of_brackets(const char *name)
{
    static const char open[] = "([{", close[] = ")]}";
    const size_t size = strlen(name);
    for (size_t i = 0; size && open[i]; i++) {
        const char *end = strchr(name, close[i]);
        if ((*name == open[i] && (!end || !end[1])) ||
            (name[size - 1] == close[i] &&
             (!strchr(name, open[i]) || (size > 1 && name[size - 2] == open[i]))))
            return true;
    }
    return false;
}

static bool is_class(const unic__class_names *names, unic__piece name)
{
    const char *found = names->at[unic__class_names_find(names, name)];
    return strncmp(found, name.start, name.size) == 0 &&
           !found[name.size]; /* both without NUL */
}

/* Whether the name is parted by the delimiter, and a part is a class by itself, or each of them:
 * "Speech|Dog" where there is "Dog". */
static bool is_joined(const unic__class_names *names, const char *name, char delimiter,
                      bool each)
{
    size_t parts = 1, found = 0;
    for (;;) {
        const char *end = strchr(name, delimiter);
        const size_t size = end ? (size_t)(end - name) : strlen(name);
        found += is_class(names, unic__piece_trim((unic__piece){name, size}));
        if (!end)
            break;
        parts++;
        name = end + 1;
    }
    return parts > 1 && (each ? found == parts : found > 0);
}

void unic__report_odd_names(const unic__class_names *names, const char *path, bool of_events)
{
    static const char *const advice[] = {
        "a category is one class; several are events, a list in column \"event_labels\"",
        "a list is written Speech,Dog or ['Speech', 'Dog']"};
    const char *bracket = NULL, *joined = NULL, *escape = NULL;
    const char *of = of_events ? " of events" : "";
    size_t brackets = 0, joins = 0, escapes = 0;
    for (size_t i = names->n; i-- > 0;) {
        const char *name = names->at[i];
        if (is_of_brackets(name)) {
            brackets++;
            bracket = name;
        } else if (is_joined(names, name, '|', false) || is_joined(names, name, ';', false) ||
                   (!of_events && is_joined(names, name, ',', true))) {
            joins++;
            joined = name;
        }
        if (of_events && strchr(name, '\\')) {
            escapes++;
            escape = name;
        }
    }
    if (brackets)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu classes%s have a bracket in their names, as \"%s\": %s",
                       path, brackets, names->n, of, bracket, advice[of_events]);
    if (joins)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu classes%s have another of them in their names, as "
                       "\"%s\": %s",
                       path, joins, names->n, of, joined, advice[of_events]);
    if (escapes)
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: %zu of %zu classes%s have a \\ in their names, as \"%s\": names are "
            "taken letter by letter, so write letters (json.dumps(ensure_ascii="
            "False)) and no escapes",
            path, escapes, names->n, of, escape);
}

/* ---- names that are numbers -------------------------------------------------------------- */

void unic__report_number_names(const unic__class_names *names, const char *path)
{
    size_t other = names->n;
    if (names->numbers)
        return;
    for (size_t i = 0; i < names->n; i++) {
        double x = 0.0;
        if (!unic__parse_number(names->at[i], &x))
            return;
        if (other == names->n && x != (double)i)
            other = i;
    }
    if (other < names->n)
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: all classes are called by numbers, and not all by whole ones as 0 and "
            "12: they are numbered in the order of their bytes, and class %zu is "
            "\"%s\"",
            path, other, names->at[other]);
}
