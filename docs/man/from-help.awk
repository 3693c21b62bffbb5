# A program's --help as a manual page (man 7): awk -v version=0.1.0 -f from-help.awk < help > page.1
# The first line is "name: what it does."; the text before "Usage:" describes; "Options:" has one
# option a line, its text in a column; "Example(s):" and "Exit status:" are what they say. Lines
# that are indented elsewhere stay as they are.

function text(s)
{
    gsub(/\\/, "\\e", s)
    gsub(/-/, "\\-", s)
    gsub(/'/, "\\(aq", s)
    return s ~ /^\./ ? "\\&" s : s
}

function section(title)
{
    literal(0)
    if (title != now)
        print ".SH " (title ~ / / ? "\"" title "\"" : title)
    now = title
    pending = 0
}

function literal(on)
{
    if (on != is_literal)
        print on ? ".PP\n.nf\n.RS 4" : ".RE\n.fi\n.PP"
    is_literal = on
}

# "  --model FILE          a model": the option, and where its text begins.
function option(l,    at)
{
    at = match(l, /[^ ]  +[^ ]/)
    if (at) {
        column = at + RLENGTH - 1
        print ".TP\n.B " text(substr(l, 3, at - 2)) "\n" text(substr(l, column))
    } else {
        print ".TP\n.B " text(substr(l, 3))
    }
}

NR == 1 {
    name = $0
    sub(/:.*/, "", name)
    what = substr($0, length(name) + 3)
    sub(/\.$/, "", what)
    print ".TH " toupper(text(name)) " 1 \"\" \"libunicode " version "\" \"User Commands\""
    section("NAME")
    print text(name) " \\- " text(what)
    print ".SH SYNOPSIS"
    held = 1
    next
}

# What stands before the usage is kept until the synopsis is out.
held && !/^Usage: / {
    kept[++n_kept] = $0
    next
}

held {
    usage = substr($0, 9 + length(name))
    print ".B " text(name) "\n" text(usage)
    held = 0
    section("DESCRIPTION")
    for (i = 1; i <= n_kept; i++)
        each(kept[i])
    next
}

{ each($0) }

function each(l)
{
    if (l == "Options:") {
        section("OPTIONS")
        in_options = 1
    } else if (l ~ /^Examples?:$/) {
        section("EXAMPLES")
        in_options = 0
    } else if (l ~ /^Exit status: /) {
        section("EXIT STATUS")
        print text(toupper(substr(l, 14, 1)) substr(l, 15))
    } else if (l == "") {
        in_options = 0
        pending = 1
    } else if (in_options) {
        if (l ~ /^  -/)
            option(l)
        else
            print text(substr(l, column))
    } else {
        body(l)
    }
}

# Paragraphs are filled; indented lines are not.
function body(l)
{
    if (now == "OPTIONS")
        section("NOTES")
    if (l ~ /^  /) {
        if (pending && is_literal)
            print ""
        literal(1)
        print text(substr(l, 3))
    } else {
        literal(0)
        if (pending)
            print ".PP"
        print text(l)
    }
    pending = 0
}

END { literal(0) }
