# libunicode: build, test, demo, install. `make help` lists the targets.

VERSION    := 0.1.0
SOVERSION  := 0
BUILD      ?= build
CC         ?= cc
PYTHON     ?= /usr/bin/python3
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
SEEDS      ?= 0
# `make V=1` shows the commands.
Q          := $(if $(V),,@)
JOBS       ?= $(shell nproc 2>/dev/null || echo 2)

# What `make setup` installs. Build and run: the first line; tests and demo: the second.
PACKAGES   := gcc g++ libc6-dev make pkg-config libopenblas-dev libdnnl-dev zlib1g-dev \
              check clang-format python3 python3-numpy python3-scipy python3-matplotlib \
              dataset-fashion-mnist espeak-ng flite

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion \
            -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla -Wundef
ifdef CI
WARNINGS += -Werror
endif
OPT      ?= -O3 -g
# Never -ffast-math: linked in, it sets flush-to-zero for the whole process that loads the library.
CFLAGS   := -std=c11 $(OPT) -fPIC -fvisibility=hidden -fopenmp -ffp-contract=fast \
            -fno-math-errno -fno-trapping-math -D_POSIX_C_SOURCE=200809L \
            $(WARNINGS) -Ilib -Iinclude -MMD -MP $(EXTRA_CFLAGS)
LDLIBS   := -lopenblas -ldnnl -lz -lm -fopenmp
LDFLAGS  := $(EXTRA_LDFLAGS)

LIB_SRC  := $(sort $(wildcard lib/*/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
SHARED   := $(BUILD)/libunicode.so.$(VERSION)
STATIC   := $(BUILD)/libunicode.a
HEADERS  := $(sort $(wildcard include/unicode/unic*.h))
PROGRAMS := $(patsubst examples/%.c,$(BUILD)/bin/%,$(sort $(wildcard examples/unic-*.c)))
CLI_OBJ  := $(patsubst examples/%.c,$(BUILD)/obj/examples/%.o,$(sort $(wildcard examples/cli_*.c)))
TEST_SRC := $(sort $(wildcard tests/*/check_*.c))
TESTS    := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
TEST_OBJ := $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o,\
              $(sort $(filter-out $(TEST_SRC),$(wildcard tests/*.c tests/*/*.c))))
FORMATTED = $(sort $(wildcard include/unicode/*.h lib/*/*.[ch] examples/*.[ch] tests/*.[ch] tests/*/*.[ch]))

# `sudo make setup check`: only the installing is root's; the rest runs as the calling user, so
# that nothing in the tree belongs to root.
ifneq ($(and $(filter 0,$(shell id -u)),$(filter-out root,$(SUDO_USER))),)
AS_USER_GOALS := $(filter-out setup,$(MAKECMDGOALS))
.PHONY: setup $(AS_USER_GOALS)
$(AS_USER_GOALS):
	sudo -u $(SUDO_USER) -- $(MAKE) --no-print-directory $@ SEEDS="$(SEEDS)"
else

.DEFAULT_GOAL := all
FORCE:
.PHONY: FORCE all demo demo-avt check asan bench layers format-check format config-doc goldens install uninstall clean help

all: $(SHARED) $(STATIC) $(PROGRAMS) $(BUILD)/unicode.pc ## build the library and the programs

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(STATIC): $(LIB_OBJ)
	@rm -f $@
	@echo "  AR    $@"
	$(Q)ar rcs $@ $^

$(SHARED): $(LIB_OBJ) lib/libunicode.map
	@echo "  LINK  $@"
	$(Q)$(CC) -shared -Wl,-soname,libunicode.so.$(SOVERSION) \
	  -Wl,--version-script=lib/libunicode.map -Wl,--no-undefined -Wl,--as-needed \
	  -Wl,-z,relro,-z,now $(LDFLAGS) -o $@ $(LIB_OBJ) $(LDLIBS)
	$(Q)ln -sf libunicode.so.$(VERSION) $(BUILD)/libunicode.so.$(SOVERSION)
	$(Q)ln -sf libunicode.so.$(SOVERSION) $(BUILD)/libunicode.so

# The programs stand beside the library: $$ORIGIN finds it in the build tree and when installed.
$(BUILD)/bin/%: $(BUILD)/obj/examples/%.o $(CLI_OBJ) $(SHARED)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(CLI_OBJ) -L$(BUILD) -lunicode -lm $(EXTRA_LDFLAGS) \
	  -Wl,-rpath,'$$ORIGIN/..' -Wl,-rpath,'$$ORIGIN/../lib'

# Always written anew: PREFIX may be another one than last time.
$(BUILD)/unicode.pc: pkgconfig/unicode.pc.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	    -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

# ---- tests ----

TEST_CFLAGS = $(CFLAGS) -Itests -Wno-strict-prototypes -Wno-missing-prototypes -Wno-conversion \
              -Wno-sign-conversion -Wno-double-promotion -Wno-pedantic -Wno-shadow

$(BUILD)/obj/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(TEST_CFLAGS) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_OBJ) $(STATIC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(TEST_OBJ) $(STATIC) -lcheck -lsubunit -lrt $(LDLIBS)

check: all $(TESTS) layers format-check ## run every test
	@BUILD=$(BUILD) PYTHON=$(PYTHON) sh tests/run.sh $(TESTS)

# The same tests, with the errors that C does not report by itself.
asan: ## run the C tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(MAKE) --no-print-directory -j$(JOBS) asan-check BUILD=build/asan OPT="-O1 -g" \
	  EXTRA_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DUNIC_NO_DISPATCH" \
	  EXTRA_LDFLAGS="-fsanitize=address,undefined"

.PHONY: asan-check
asan-check: $(TESTS)
	@BUILD=$(BUILD) PYTHON= sh tests/run.sh $(TESTS)

goldens: ## make the committed PyTorch goldens again (needs python3-torch)
	$(PYTHON) tests/golden/make_ops.py
	$(PYTHON) tests/golden/make_losses.py

config-doc: $(BUILD)/tests/model/check_config_docs ## write docs/config.md from the table of keys
	UPDATE=1 CK_FORK=no $<

layers: ## check that includes point only down, and vendor headers stand in their glue files
	@$(PYTHON) tests/layers.py

format-check: ## check the C sources' look (clang-format)
	@clang-format --dry-run -Werror $(FORMATTED) && echo "format: $(words $(FORMATTED)) files as they should be"

format: ## give the C sources their look
	clang-format -i $(FORMATTED)

bench: all ## measure against the peers (docs/performance.md)
	BUILD=$(BUILD) $(PYTHON) tests/bench/run.py

# ---- the demo ----

demo: all ## pre-train on image-speech clips and transfer heads; SEEDS="0 1 2" for more seeds
	$(PYTHON) examples/demo/run.py --build $(BUILD) --seeds "$(SEEDS)"

demo-avt: all ## the same with three modalities: image, speech and text
	$(PYTHON) examples/demo/run.py --build $(BUILD) --avt --seeds "$(SEEDS)"

# ---- install: by file name, since ICU owns include/unicode too ----

DEST_INC = $(DESTDIR)$(INCLUDEDIR)/unicode
DEST_LIB = $(DESTDIR)$(LIBDIR)
DEST_BIN = $(DESTDIR)$(BINDIR)
INSTALLED = $(addprefix $(DEST_INC)/,$(notdir $(HEADERS))) \
            $(addprefix $(DEST_BIN)/,$(notdir $(PROGRAMS))) \
            $(addprefix $(DEST_LIB)/,libunicode.a libunicode.so libunicode.so.$(SOVERSION) \
              libunicode.so.$(VERSION) pkgconfig/unicode.pc)

install: all ## install under PREFIX (DESTDIR, LIBDIR are honoured)
	install -d $(DEST_INC) $(DEST_LIB)/pkgconfig $(DEST_BIN)
	install -m 644 $(HEADERS) $(DEST_INC)
	install -m 644 $(STATIC) $(DEST_LIB)
	install -m 755 $(SHARED) $(DEST_LIB)
	ln -sf libunicode.so.$(VERSION) $(DEST_LIB)/libunicode.so.$(SOVERSION)
	ln -sf libunicode.so.$(SOVERSION) $(DEST_LIB)/libunicode.so
	install -m 644 $(BUILD)/unicode.pc $(DEST_LIB)/pkgconfig
	install -m 755 $(PROGRAMS) $(DEST_BIN)
	$(if $(DESTDIR),,-ldconfig)

uninstall: ## remove exactly what install put there
	rm -f $(INSTALLED)

clean: ## remove what was built (the demo's data too)
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/obj/%.d)
-include $(patsubst $(BUILD)/bin/%,$(BUILD)/obj/examples/%.d,$(PROGRAMS))
.SECONDARY:

endif

setup: ## install the system packages (apt; on other systems: prints their names)
	@if dpkg -s $(PACKAGES) >/dev/null 2>&1; then echo "setup: all packages are there"; \
	elif command -v apt-get >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES); \
	else echo "setup: no apt here; install what your system calls these: $(PACKAGES)"; fi
.PHONY: setup
