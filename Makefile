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
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/libunicode
SEEDS      ?= 0
# `make V=1` shows the commands, `make -s` nothing.
Q          := $(if $(filter-out 0,$(V)),,@)
SAY        := $(if $(findstring s,$(filter-out -% %=%,$(firstword $(MAKEFLAGS)))),@:,@echo)
JOBS       ?= $(shell nproc 2>/dev/null || echo 2)

# Make takes a name with a blank in it for two, and the shell, sed, the linker and pkg-config's files read
# other signs: such a folder is refused before anything is made or removed at half of its name. Where the
# library will be is written into files, so it must not depend on where make is called.
HASH        := \#
ODD         := " ' ` \ $$ & | ; < > ( ) [ ] * ? $(HASH)
comma       := ,
named        = $(1) = "$($(1))":
without      = $(foreach sign,$(2),$(if $(findstring $(sign),$($(1))),\
                 $(error $(named) a folder without $(sign) in its name expected)))
folder_like  = $(if $(word 2,[$($(1))]),$(error $(named) a folder without blanks in its name expected))$(call without,$(1),$(ODD))
installed_to = $(folder_like)$(call without,$(1),% : $(comma))$(if $(filter /%,$($(1))),,\
                 $(error $(named) an absolute path expected))
$(foreach folder,BUILD DESTDIR,$(call folder_like,$(folder)))
$(call without,BUILD,% :)$(if $(BUILD),,$(error BUILD = "": a folder expected))
$(if $(PREFIX),$(call installed_to,PREFIX)) # empty: the root
$(foreach folder,LIBDIR INCLUDEDIR BINDIR MANDIR DOCDIR,$(call installed_to,$(folder)))
$(foreach folder,prefix libdir includedir bindir mandir docdir destdir,$(if $(filter command,$(firstword $(origin $(folder)))),\
  $(error $(folder)=$($(folder)) is not read: its name here is in capitals, as PREFIX)))
# As configure scripts write it: LIBDIR='${prefix}/lib/some-linux-gnu'.
prefix      = $(PREFIX)
exec_prefix = $(PREFIX)

# Other builds (docs/abi.md), each in a BUILD of its own: CC=clang; OPT="-O2 -g"; ONEDNN=no leaves
# oneDNN out; BLAS_LIBS and BLAS_CFLAGS name another CBLAS. `make variants` tries them.
ONEDNN      ?= yes
# libunicode-media decodes with FFmpeg's libraries (docs/media-decoding.md): built where they are, left out by MEDIA=no.
FFMPEG      := libavformat libavcodec libswscale libswresample libavutil
MEDIA       ?= $(shell pkg-config --exists $(FFMPEG) 2>/dev/null && echo yes || echo no)
# libunicode-mpi trains over MPI (docs/train.md): built where mpicc is, left out by MPI=no; MPICC=mpicc.mpich is another MPI.
MPICC       ?= mpicc
MPI         ?= $(if $(shell command -v $(MPICC)),yes,no)
BLAS_LIBS   ?= -lopenblas
BLAS_CFLAGS ?=

# What `make setup` installs. Build and run: the first line; tests and demo: the second.
PACKAGES   := gcc g++ libc6-dev make pkg-config libopenblas-dev libdnnl-dev zlib1g-dev \
              check clang-format abigail-tools doxygen python3 python3-numpy python3-scipy python3-matplotlib \
              python3-pytest python3-h5py python3-setuptools python3-wheel python3-pip \
              dataset-fashion-mnist espeak-ng flite patch strace cmake meson \
              libavformat-dev libavcodec-dev libswscale-dev libswresample-dev ffmpeg libopenmpi-dev $(MORE_PACKAGES)
# What `make analyze`, coverage and fuzz need: make setup MORE_PACKAGES="clang clang-tidy cppcheck gcovr libomp-dev";
# `make check-mpi` also tries "mpich libmpich-dev python3-mpi4py".
MORE_PACKAGES ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion \
            -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla -Wundef
# clang tells of each loop that it does not vectorise, takes INFINITY for a float to promote, and a long string for two.
CLANG    := $(findstring clang,$(shell $(CC) --version))
WARNINGS += $(if $(CLANG),-Wno-pass-failed -Wno-double-promotion -Wno-string-concatenation)
ifdef CI
WARNINGS += -Werror
endif
OPT      ?= -O3 -g

# Hardening (docs/reliability.md), as far as the compiler takes it together with what else it is
# given: a packager's own _FORTIFY_SOURCE is not defined twice. HARDEN=no leaves it out.
HARDEN       ?= yes
compiles      = $(shell $(CC) -Werror $(OPT) $(1) $(EXTRA_CFLAGS) $(CPPFLAGS) $(CFLAGS) -include stdlib.h \
                  -x c -S -o - /dev/null >/dev/null 2>&1 && echo '$(1)')
fortified     = $(call compiles,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(1))
ifneq ($(HARDEN),no)
HARDENING    := $(foreach flag,-fstack-protector-strong -fstack-clash-protection -fcf-protection \
                  -mbranch-protection=standard,$(call compiles,$(flag))) $(or $(call fortified,3),$(call fortified,2))
HARDEN_LINK  := -Wl,-z,relro,-z,now,-z,noexecstack
HARDEN_BIN   := -pie
endif

# OPENMP=no: the library's own loops have one thread, whatever it is told (for sanitizers; oneDNN's
# are by OMP_NUM_THREADS then).
OPENMP       ?= yes
OMP_FLAG     := $(if $(filter no,$(OPENMP)),-fopenmp-simd,-fopenmp)

# CFLAGS, CPPFLAGS and LDFLAGS are the packager's, from the environment or the command line; they
# come last. Nothing written depends on the directory in which it is built (`make reproducible`).
# Never -ffast-math: linked in, it sets flush-to-zero for the whole process that loads the library.
ALL_CFLAGS   := -std=c11 $(OPT) -fPIC -fvisibility=hidden $(OMP_FLAG) -ffp-contract=fast \
                -fno-math-errno -fno-trapping-math '-ffile-prefix-map=$(CURDIR)=.' -D_XOPEN_SOURCE=700 \
                $(WARNINGS) $(HARDENING) $(BLAS_CFLAGS) -Ilib -Iinclude -MMD -MP \
                $(EXTRA_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS  := $(HARDEN_LINK) $(EXTRA_LDFLAGS) $(LDFLAGS)
DNNL_LIBS    := $(if $(filter no,$(ONEDNN)),,-ldnnl)
LDLIBS       := $(BLAS_LIBS) $(DNNL_LIBS) -lz -lm $(filter -fopenmp,$(OMP_FLAG))

# oneDNN's glue, or what stands in its place.
NOT_BUILT := $(if $(filter no,$(ONEDNN)),$(addprefix lib/kernel/dnnl_,primitive.c matmul.c softmax.c conv.c),lib/kernel/dnnl_none.c)
# Libraries of their own, over the public API alone.
BESIDE   := lib/media/% lib/mpi/%
LIB_SRC  := $(sort $(filter-out $(NOT_BUILT) $(BESIDE),$(wildcard lib/*/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
SHARED   := $(BUILD)/libunicode.so.$(VERSION)
STATIC   := $(BUILD)/libunicode.a
# With the internals visible, for the unit tests; $(STATIC) has the public symbols only.
INTERNAL := $(BUILD)/libunicode-internal.a
OPENMP_LIB = $(if $(filter no,$(OPENMP)),,$(if $(CLANG),-lomp,-lgomp))
ifeq ($(MEDIA),yes)
MEDIA_OBJ    := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard lib/media/*.c)))
MEDIA_SHARED := $(BUILD)/libunicode-media.so.$(VERSION)
MEDIA_PC     := $(BUILD)/unicode-media.pc
MEDIA_FLAGS  := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(FFMPEG)))
MEDIA_LIBS   := $(shell pkg-config --libs $(FFMPEG)) -lm -lpthread
endif
ifeq ($(MPI),yes)
MPI_OBJ    := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard lib/mpi/*.c)))
MPI_SHARED := $(BUILD)/libunicode-mpi.so.$(VERSION)
MPI_PC     := $(BUILD)/unicode-mpi.pc
# What mpicc adds, as Open MPI (-showme) and MPICH (-compile-info, whose first word is the compiler) say it.
MPI_FLAGS  := $(patsubst -I%,-isystem %,$(filter -I%,$(shell $(MPICC) -showme:compile 2>/dev/null || $(MPICC) -compile-info)))
MPI_LIBS   := $(filter -L% -l%,$(shell $(MPICC) -showme:link 2>/dev/null || $(MPICC) -link-info))
endif
HEADERS  := $(sort $(filter-out $(if $(MEDIA_OBJ),,%/unic_media.h) $(if $(MPI_OBJ),,%/unic_mpi.h),\
              $(wildcard include/unicode/unic*.h include/unicode/unic*.hpp)))
PROGRAMS := $(patsubst examples/programs/%.c,$(BUILD)/bin/%,$(sort $(wildcard examples/programs/unic-*.c)))
CMAKE_FILES := $(BUILD)/unicode-config.cmake $(BUILD)/unicode-config-version.cmake
MANUALS  := $(PROGRAMS:$(BUILD)/bin/%=$(BUILD)/man/%.1)
CLI_OBJ  := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard examples/programs/cli/*.c)))
# What belongs to one program alone stands in a folder of its name.
PARTS    := encode eval extract inspect train
PARTS_OF  = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard examples/programs/$(1)/*.c)))
TEST_SRC := $(sort $(filter-out $(if $(MEDIA_OBJ),,tests/media/%) $(if $(MPI_OBJ),,tests/mpi/%),$(wildcard tests/*/check_*.c)))
TESTS    := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
TEST_OBJ := $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o,\
              $(sort $(filter-out tests/media/% tests/mpi/% $(TEST_SRC),$(wildcard tests/*.c tests/*/*.c))))
FORMATTED = $(sort $(wildcard include/unicode/*.h include/unicode/*.hpp lib/*/*.[ch] \
              examples/programs/*.[ch] examples/programs/*/*.[ch] examples/api/*.c examples/api/*.cc tests/*.[ch] tests/*/*.[ch]))

# Goals are made one after the other (`make setup check`, `make clean all`), each of them on all
# cores. Under sudo only installing, and what needs chroot, is root's; the rest runs as the calling user, so that
# nothing in the tree belongs to root.
SUDO_CALLER := $(and $(filter 0,$(shell id -u)),$(filter-out root,$(SUDO_USER)))
AS_USER     := $(if $(SUDO_CALLER),sudo -u $(SUDO_CALLER) --)
IN_DEBIAN13 := check-debian13 bench-debian13
SEVERAL     := $(and $(word 2,$(MAKECMDGOALS)),$(if $(findstring /,$(MAKECMDGOALS)),,yes))
ifneq ($(or $(SEVERAL),$(SUDO_CALLER)),)
GOALS := $(or $(MAKECMDGOALS),all)
.NOTPARALLEL:
.PHONY: $(GOALS)
$(filter-out setup install uninstall $(IN_DEBIAN13),$(GOALS)):
	+@$(AS_USER) $(MAKE) --no-print-directory $@ $(MAKEOVERRIDES)
$(filter setup $(IN_DEBIAN13),$(GOALS)):
	+@$(MAKE) --no-print-directory $@ SUDO_USER=
$(filter install uninstall,$(GOALS)):
	$(if $(filter install,$@),+@$(AS_USER) $(MAKE) --no-print-directory all $(MAKEOVERRIDES))
	+@$(MAKE) --no-print-directory $@ SUDO_USER=
else

ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(JOBS)
endif
.DEFAULT_GOAL := all
FORCE:
.PHONY: FORCE bench-links check-mpi kills-mpi all demo demo-avt demo-media demo-streaming tasks table check check-real-media check-service faults kills steps asan examples docs wheel bench abi abi-baseline variants layers format-check format generate generate-check config-doc goldens reproducible install uninstall clean help

all: $(SHARED) $(STATIC) $(PROGRAMS) $(MANUALS) $(BUILD)/unicode.pc $(CMAKE_FILES) $(MEDIA_SHARED) $(MEDIA_PC) $(MPI_SHARED) $(MPI_PC) ## build the library and the programs

# Their frames are fixed and large (packed operands, 88 to 181 kB), and a small product uses little of
# one: touching every page of it in every call took 4 to 9 % of a training step (kernel/stack.h).
LARGE_FRAMES := $(patsubst %,$(BUILD)/obj/lib/kernel/%.o,assign gemm packed)
$(LARGE_FRAMES): ALL_CFLAGS += $(if $(filter -fstack-clash-protection,$(HARDENING)),-fno-stack-clash-protection)
$(BUILD)/obj/examples/%.o: ALL_CFLAGS += -Iexamples/programs
$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# D: no times, no users in an archive.
AR_FLAGS := rcsD

$(INTERNAL): $(LIB_OBJ)
	@rm -f $@
	$(SAY) "  AR    $@"
	$(Q)$(AR) $(AR_FLAGS) $@ $^

# An archive has no hidden symbols: one object, in which what is hidden has become local, does.
# (gcc forgets that a loop compiled for several instruction sets is hidden: those go by name.)
# Of objects for link-time optimisation it is made here: what they hold beside machine code, or in its
# place, keeps the hidden names, and is read by this very compiler alone.
OBJCOPY ?= objcopy
RELINK   = $(CC) -r -nostdlib $(if $(findstring -flto,$(ALL_CFLAGS)),$(OPT) -fPIC $(EXTRA_CFLAGS) $(CFLAGS) $(if $(CLANG),,-flinker-output=nolto-rel))
$(STATIC): $(LIB_OBJ)
	@rm -f $@
	$(SAY) "  AR    $@"
	$(Q)$(RELINK) -o $(BUILD)/obj/libunicode.o $^
	$(Q)$(OBJCOPY) --localize-hidden --wildcard --localize-symbol='unic__*' $(BUILD)/obj/libunicode.o
	$(Q)$(AR) $(AR_FLAGS) $@ $(BUILD)/obj/libunicode.o

$(SHARED): $(LIB_OBJ) lib/libunicode.map
	$(SAY) "  LINK  $@"
	$(Q)$(CC) -shared -Wl,-soname,libunicode.so.$(SOVERSION) \
	  -Wl,--version-script=lib/libunicode.map -Wl,--no-undefined -Wl,--as-needed \
	  $(ALL_LDFLAGS) -o $@ $(LIB_OBJ) $(LDLIBS)
	$(Q)ln -sf libunicode.so.$(VERSION) $(BUILD)/libunicode.so.$(SOVERSION)
	$(Q)ln -sf libunicode.so.$(SOVERSION) $(BUILD)/libunicode.so

# What FFmpeg needs is linked to this library alone.
$(MEDIA_OBJ): ALL_CFLAGS += $(MEDIA_FLAGS)
$(MEDIA_SHARED): $(MEDIA_OBJ) lib/libunicode-media.map
	$(SAY) "  LINK  $@"
	$(Q)$(CC) -shared -Wl,-soname,libunicode-media.so.$(SOVERSION) \
	  -Wl,--version-script=lib/libunicode-media.map -Wl,--no-undefined -Wl,--as-needed \
	  $(ALL_LDFLAGS) -o $@ $(MEDIA_OBJ) $(MEDIA_LIBS)
	$(Q)ln -sf libunicode-media.so.$(VERSION) $(BUILD)/libunicode-media.so.$(SOVERSION)
	$(Q)ln -sf libunicode-media.so.$(SOVERSION) $(BUILD)/libunicode-media.so

# What MPI needs is linked to this library alone.
$(MPI_OBJ): ALL_CFLAGS += $(MPI_FLAGS)
$(MPI_SHARED): $(MPI_OBJ) lib/libunicode-mpi.map
	$(SAY) "  LINK  $@"
	$(Q)$(CC) -shared -Wl,-soname,libunicode-mpi.so.$(SOVERSION) \
	  -Wl,--version-script=lib/libunicode-mpi.map -Wl,--no-undefined -Wl,--as-needed \
	  $(ALL_LDFLAGS) -o $@ $(MPI_OBJ) $(MPI_LIBS)
	$(Q)ln -sf libunicode-mpi.so.$(VERSION) $(BUILD)/libunicode-mpi.so.$(SOVERSION)
	$(Q)ln -sf libunicode-mpi.so.$(SOVERSION) $(BUILD)/libunicode-mpi.so

# The programs stand beside the library: $$ORIGIN finds it in the build tree and when installed.
# Those that decode load libunicode-media when they are asked to (cli/media.c); dlopen() is a library's
# own where the C library is old.
DLOPEN       := -Wl,--as-needed -ldl -Wl,--no-as-needed
LIB_FROM_BIN := $(shell realpath -m --relative-to=$(BINDIR) $(LIBDIR))
$(foreach p,$(PARTS),$(eval $(BUILD)/bin/unic-$(p): $(call PARTS_OF,$(p))))
$(BUILD)/bin/%: $(BUILD)/obj/examples/programs/%.o $(CLI_OBJ) $(SHARED)
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(HARDEN_BIN) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lunicode -lm $(DLOPEN) \
	  -Wl,-rpath,'$$ORIGIN/..' -Wl,-rpath,'$$ORIGIN/$(LIB_FROM_BIN)'

$(BUILD)/man/%.1: $(BUILD)/bin/% docs/man/from-help.awk
	@mkdir -p $(@D)
	$(SAY) "  MAN   $@"
	$(Q)$< --help | awk -v version=$(VERSION) -f docs/man/from-help.awk > $@

# Always written anew: PREFIX may be another one than last time. What lies under it is named by
# it, so that the whole may be moved (pkg-config --define-prefix).
IN_PREFIX = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
$(BUILD)/%.pc: pkgconfig/%.pc.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call IN_PREFIX,$(LIBDIR))|' \
	    -e 's|@INCLUDEDIR@|$(call IN_PREFIX,$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@LIBS@|$(PRIVATE_LIBS)|' $< > $@

# What the archive stands on; pkg-config knows zlib by its name.
PRIVATE_LIBS = $(strip $(BLAS_LIBS) $(DNNL_LIBS) -lm $(OPENMP_LIB) -lpthread)
# The way from CMake's files to another folder, and the bytes of a pointer.
FROM_CMAKE   = $(shell realpath -m --relative-to=$(LIBDIR)/cmake/unicode $(1))
POINTER      = $(shell echo __SIZEOF_POINTER__ | $(CC) -E -P -)
empty       :=
LISTED       = $(subst $(empty) ,;,$(strip $(1)))
$(CMAKE_FILES): $(BUILD)/%: pkgconfig/%.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@VERSION@|$(VERSION)|' -e 's|@SOVERSION@|$(SOVERSION)|' -e 's|@POINTER@|$(POINTER)|' \
	    -e 's|@LIBDIR@|$(call FROM_CMAKE,$(LIBDIR))|' -e 's|@INCLUDEDIR@|$(call FROM_CMAKE,$(INCLUDEDIR))|' \
	    -e 's|@LIBS@|$(call LISTED,$(PRIVATE_LIBS) -lz)|' $< > $@

# ---- tests ----

TEST_CFLAGS = $(ALL_CFLAGS) -Itests -Wno-strict-prototypes -Wno-missing-prototypes -Wno-conversion \
              -Wno-sign-conversion -Wno-double-promotion -Wno-pedantic -Wno-shadow

$(BUILD)/obj/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) "  CC    $<"
	$(Q)$(CC) $(TEST_CFLAGS) -c -o $@ $<

# Check notes each assertion that holds, for a crash of a test in a process of its own, and moves all notes for each
# that it reads: minutes where there are many. Tests run in one process here, and base_help.c notes nothing.
CHECK_LIBS := -Wl,--wrap=_mark_point -lcheck -lsubunit -lrt

# Tests write their files into folders of the helpers' names.
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_OBJ) $(INTERNAL)
	@mkdir -p $(@D) $(BUILD)/tests/file $(BUILD)/tests/model
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(INTERNAL) $(CHECK_LIBS) $(LDLIBS)

$(BUILD)/obj/tests/media/%.o: TEST_CFLAGS += $(MEDIA_FLAGS)
$(BUILD)/tests/media/%: $(BUILD)/obj/tests/media/%.o $(TEST_OBJ) $(INTERNAL) $(MEDIA_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(INTERNAL) $(CHECK_LIBS) $(LDLIBS) $(MEDIA_LIBS)

# With an MPI that the test has in it, and an allocator that fails.
$(BUILD)/obj/tests/mpi/%.o: TEST_CFLAGS += $(MPI_FLAGS)
$(BUILD)/tests/mpi/%: $(BUILD)/obj/tests/mpi/%.o $(TEST_OBJ) $(INTERNAL) $(MPI_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,--wrap=calloc -o $@ $(filter %.o,$^) $(INTERNAL) $(CHECK_LIBS) $(LDLIBS) $(MPI_LIBS)

# The fuzz targets, with what they try of the programs: run on kept inputs by `make check`, by
# libFuzzer (clang) under `make fuzz`.
FUZZ_PARTS := $(patsubst %,$(BUILD)/obj/examples/programs/%.o,cli/text cli/config train/interval)
FUZZ_OBJ   := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/fuzz/harness/fuzzer.c $(if $(MEDIA_OBJ),,%/media.c),\
                $(sort $(wildcard tests/fuzz/harness/*.c tests/fuzz/targets/*.c))))
$(BUILD)/obj/tests/fuzz/%.o: TEST_CFLAGS += -Iexamples/programs $(if $(MEDIA_OBJ),-DFUZZ_MEDIA)
$(BUILD)/tests/fuzz/check_fuzz $(BUILD)/fuzz: LDLIBS += $(MEDIA_LIBS)
$(BUILD)/tests/fuzz/check_fuzz: $(FUZZ_OBJ) $(FUZZ_PARTS) $(MEDIA_OBJ)

# What tests of faults need beside $(TESTS): the second does one thing with the library where the
# process may map no more memory.
FAULT_TOOLS := $(BUILD)/tests/kill_at.so $(BUILD)/tests/fail_alloc.so $(BUILD)/tests/faults/under_limit

$(BUILD)/tests/faults/under_limit: tests/faults/program/under_limit.c $(SHARED)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra -D_GNU_SOURCE -Iinclude -o $@ $< -L$(BUILD) -lunicode $(EXTRA_LDFLAGS) \
	  -Wl,-rpath,'$$ORIGIN/../..'

check: all $(TESTS) $(BUILD)/bench/bench $(BUILD)/bench/links $(FAULT_TOOLS) layers format-check generate-check ## run every test
	@BUILD=$(BUILD) PYTHON=$(PYTHON) HARDEN=$(HARDEN) OPT="$(OPT)" sh tests/run.sh $(TESTS)

# The same tests, with the errors that C does not report by itself.
asan: ## run the C tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(MAKE) --no-print-directory -j$(JOBS) asan-check BUILD=build/asan OPT="-O1 -g" HARDEN=no \
	  EXTRA_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DUNIC_NO_DISPATCH -DUNIC_ARENA_PIECES" \
	  EXTRA_LDFLAGS="-fsanitize=address,undefined"

.PHONY: asan-check
asan-check: $(TESTS)
	@LANES=$(JOBS) BUILD=$(BUILD) PYTHON= sh tests/run.sh $(TESTS)

# Without OpenMP, whose runtime the sanitizer does not know. Each report is an error.
TSAN_TESTS := $(patsubst %,$(BUILD)/tests/%,threads/check_threads base/check_budget base/check_error \
                data/check_prefetch model/check_model api/check_codebook api/check_head \
                api/check_index api/check_misuse api/check_retriever api/check_segmenter \
                api/check_source data/check_dataset_sources)
tsan: ## run what has threads of its own under ThreadSanitizer
	$(MAKE) --no-print-directory -j$(JOBS) tsan-check BUILD=build/tsan OPENMP=no OPT="-O1 -g" HARDEN=no \
	  EXTRA_CFLAGS="-fsanitize=thread -DUNIC_NO_DISPATCH" EXTRA_LDFLAGS="-fsanitize=thread"

.PHONY: tsan tsan-check
tsan-check: $(TSAN_TESTS)
	@TSAN_OPTIONS=halt_on_error=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 BUILD=$(BUILD) PYTHON= sh tests/run.sh $(TSAN_TESTS)

# -O1 without instruction sets of their own and without copies of functions: every line is there once.
# What is built or installed otherwise has no counts.
COVERAGE_SCRIPTS = $(filter-out tests/api/test_shared.py,$(wildcard tests/api/test_*.py tests/array/test_*.py tests/cmg/test_*.py tests/data/test_*.py \
                     tests/extract/test_*.py tests/files/test_*.py tests/media/test_*.py tests/mpi/test_*.py tests/task/test_*.py))
coverage: ## run the tests in a build that counts: lines, branches and functions of lib/ that they run (needs gcovr)
	@gcovr --version >/dev/null 2>&1 || { echo "make coverage needs gcovr"; exit 1; }
	$(MAKE) --no-print-directory -j$(JOBS) coverage-check BUILD=build/coverage OPT="-O1 -g" HARDEN=no CI= \
	  EXTRA_CFLAGS="--coverage -fprofile-update=atomic -DUNIC_NO_COPIES -DUNIC_NO_DISPATCH -DUNIC_ARENA_PIECES" EXTRA_LDFLAGS="--coverage -Wl,-u,__gcov_dump"

.PHONY: coverage coverage-check
coverage-check: all $(TESTS) $(FAULT_TOOLS)
	@find $(BUILD) -name '*.gcda' -delete
	@BUILD=$(BUILD) PYTHON=$(PYTHON) HARDEN=no FAULTS=places SCRIPTS="$(COVERAGE_SCRIPTS)" sh tests/run.sh $(TESTS)
	@$(PYTHON) tests/coverage/coverage.py $(BUILD)

analyze: ## static analysis: clang-tidy, cppcheck, gcc -fanalyzer (needs clang-tidy and cppcheck; FILES="..")
	@$(PYTHON) tests/analyze/analyze.py --jobs $(JOBS) $(FILES)

.PHONY: analyze
SECONDS ?= 60
FUZZ_CC ?= clang
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
fuzz: ## fuzz every parser and the API for SECONDS=60 of CPU time each (ONLY="npy zip"; docs/reliability.md)
	@$(FUZZ_CC) --version >/dev/null 2>&1 || { echo "make fuzz needs clang, its sanitizers and libomp-dev"; exit 1; }
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC="$(FUZZ_CC)" OPT="-O1 -g" HARDEN=no CI= \
	  EXTRA_CFLAGS="$(SANITIZE)" build/fuzz/fuzz
	@$(PYTHON) tests/fuzz/fuzz.py build/fuzz/fuzz --seconds $(SECONDS) --jobs $(JOBS) $(ONLY)

.PHONY: fuzz
$(BUILD)/fuzz: $(BUILD)/obj/tests/fuzz/harness/fuzzer.o $(FUZZ_OBJ) $(FUZZ_PARTS) $(MEDIA_OBJ) $(INTERNAL)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(SANITIZE:%-no-link,address,undefined=%,address,undefined) -o $@ $(filter %.o,$^) $(INTERNAL) $(LDLIBS)

# Loops written out by the hundred, and no input: with every addition checked, clang takes minutes for
# them (gcc does not: `make asan` checks them).
ifneq ($(findstring fuzzer,$(EXTRA_CFLAGS)),)
$(patsubst %,$(BUILD)/obj/lib/kernel/%.o,tile winograd_transform): ALL_CFLAGS += -fno-sanitize=undefined -O0
endif

# Preloaded: ends a program at a call of its that is to be tried.
$(BUILD)/tests/kill_at.so: tests/kills/preload/kill_at.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -Wall -Wextra -shared -fPIC -o $@ $< -ldl

# Preloaded: an allocation of a program that is to be tried fails.
$(BUILD)/tests/fail_alloc.so: tests/faults/preload/fail_alloc.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -Wall -Wextra -shared -fPIC -o $@ $<

check-service: all ## build and run the service of tests/install with the library under the sanitizers, threads too
	$(PYTHON) tests/install/test_service.py --sanitizers

# `make check` tries a part of these.
faults: all $(BUILD)/tests/faults/check_memory $(BUILD)/tests/faults/check_calls $(FAULT_TOOLS) ## every allocation and call of the system fails in turn; little memory
	FAULTS=all CK_FORK=no OMP_WAIT_POLICY=passive $(BUILD)/tests/faults/check_memory
	FAULTS=all CK_FORK=no OMP_WAIT_POLICY=passive $(BUILD)/tests/faults/check_calls
	BUILD=$(BUILD) FAULTS=all $(PYTHON) tests/faults/test_little_memory.py
	BUILD=$(BUILD) FAULTS=all $(PYTHON) tests/faults/test_program_faults.py
	BUILD=$(BUILD) FAULTS=all $(PYTHON) tests/faults/test_program_memory.py

N ?= 100
kills: all $(BUILD)/tests/kill_at.so ## end training and encoding N=100 times by SIGKILL, resume, compare every byte
	BUILD=$(BUILD) N=$(N) $(PYTHON) tests/kills/test_kills.py
	BUILD=$(BUILD) N=$(N) $(PYTHON) tests/api/test_encode_many.py Many.test_killed_at_random_moments

STEPS ?= 100000
steps: $(BUILD)/tests/numbers/check_steps ## take STEPS=100000 tiny training steps: memory must not grow
	STEPS=$(STEPS) CK_FORK=no OMP_WAIT_POLICY=passive $<

goldens: ## make the committed PyTorch goldens again (needs python3-torch)
	$(PYTHON) tests/golden/make_ops.py
	$(PYTHON) tests/golden/make_losses.py
	$(PYTHON) tests/golden/make_methods.py
	$(PYTHON) tests/golden/make_segment.py

generate: ## write what follows from the public headers: exports, ctypes, layouts, docs/api.md
	@$(PYTHON) tests/abi/generate.py write

generate-check: ## check that what follows from the public headers is as they are
	@$(PYTHON) tests/abi/generate.py check

# The recorder stands in the place of what sets a message (tests/messages/recorder), which is in the
# library itself: those beside it would not link.
NOTED         := -Wl,--wrap=unic__fail -Wl,--wrap=unic__fail_in -Wl,--wrap=unic__no_memory -Wl,--wrap=cli_fail
# Tests in Python that make the library fail; the others try the build, or what it does to a process.
NOTED_SCRIPTS := $(filter-out tests/api/test_shared.py,$(sort $(wildcard tests/api/test_*.py tests/array/test_*.py \
                   tests/cmg/test_*.py tests/data/test_*.py tests/files/test_*.py tests/task/test_metrics.py \
                   tests/media/test_*_program*.py))) tests/python
messages: $(MEDIA_SHARED) ## run the tests (or ONLY="api/check_x tests/python/test_x.py"), write their error messages into docs/messages.md
	@mkdir -p build/messages
	$(Q)$(CC) -std=c11 -O2 -fPIC -Wall -Wextra -Iinclude -c -o build/messages/recorder.o tests/messages/recorder/recorder.c
	$(if $(MEDIA_SHARED),$(Q)cp -P $(BUILD)/libunicode-media.so* build/messages)
	@$(MAKE) --no-print-directory messages-page BUILD=build/messages MEDIA=no MPI=no EXTRA_LDFLAGS="$(NOTED) build/messages/recorder.o" \
	  NOTED_TESTS="$(if $(ONLY),$(patsubst %,build/messages/tests/%,$(filter-out %.py,$(ONLY))),$(patsubst $(BUILD)/%,build/messages/%,$(filter-out $(BUILD)/tests/mpi/%,$(TESTS))))" \
	  NOTED_SCRIPTS="$(if $(ONLY),$(filter %.py,$(ONLY)),$(NOTED_SCRIPTS))"

.PHONY: messages messages-page
messages-page: all $(NOTED_TESTS)
	@rm -f $(BUILD)/notes $(BUILD)/notes.python
	@export BUILD=$(BUILD) UNIC_MESSAGES=$(CURDIR)/$(BUILD)/notes PYTHONPATH=tests/messages; \
	  PYTHON= sh tests/run.sh $(NOTED_TESTS); \
	  for script in $(NOTED_SCRIPTS); do echo "$$script"; \
	    case $$script in tests/python*) set -- -m pytest -q -p no:cacheprovider -p noting $$script ;; *) set -- $$script ;; esac; \
	    $(PYTHON) "$$@" > $(BUILD)/test.log 2>&1 || tail -n 5 $(BUILD)/test.log; done
	@$(PYTHON) tests/messages/messages.py write $(BUILD)/notes $(if $(ONLY),--part)

kills-mpi: all ## kill ranks of a run over MPI 20 times at random moments, and go on with others (TIMES=20)
	@BUILD=$(BUILD) $(PYTHON) tests/mpi/kills.py --times $(or $(TIMES),20)

# Seconds a step, and 6 GB: two ranks of four clips each, from one state at each step.
PAPER_RANKS := "preset = paper-av" "preset = recommended-av" "objective = micu" "objective = dcid+codis" \
               "objective = codaar" "objective = hdcid" "behaviour = compat"
check-paper-ranks: $(BUILD)/tests/train/check_comm ## two ranks against one process at the paper's dims, STEPS=4 of each of seven objectives
	@status=0; for more in $(PAPER_RANKS); do \
	  CK_FORK=no COMM_PRESET=paper-av COMM_CLIPS=8 COMM_STEPS=$(or $(STEPS),4) COMM_MORE="$$more" $< || status=1; done; \
	  exit $$status

.PHONY: check-paper-ranks
check-mpi: all ## train over MPI with 1, 2 and 4 processes, with each MPI that is installed; kill some (a minute)
	@BUILD=$(BUILD) $(PYTHON) tests/mpi/test_mpi.py -v

.PHONY: check-streaming
GB ?= 3
FORMAT ?= npz
check-streaming: all ## train on more data than memory holds: GB=3 of it, FORMAT=npz or npy, in build/streaming
	LIBUNICODE=$(abspath $(SHARED)) PYTHONPATH=bindings/python $(PYTHON) tests/bench/streaming.py --gb $(GB) --format $(FORMAT) \
	  --folder $(BUILD)/streaming

config-doc: $(BUILD)/tests/config/check_config_docs ## write docs/config.md from the table of keys
	UPDATE=1 CK_FORK=no $<

abi: $(SHARED) $(MEDIA_SHARED) $(MPI_SHARED) ## compare the binary interface with the committed one (libabigail)
	@$(PYTHON) tests/abi/abi.py check $(SHARED)
	$(if $(MEDIA_SHARED),@$(PYTHON) tests/abi/abi.py check $(MEDIA_SHARED) --library media)
	$(if $(MPI_SHARED),@$(PYTHON) tests/abi/abi.py check $(MPI_SHARED) --library mpi)

abi-baseline: $(SHARED) $(MEDIA_SHARED) $(MPI_SHARED) ## take the binary interface as it is now for the committed one
	@$(PYTHON) tests/abi/abi.py write $(SHARED)
	$(if $(MEDIA_SHARED),@$(PYTHON) tests/abi/abi.py write $(MEDIA_SHARED) --library media)
	$(if $(MPI_SHARED),@$(PYTHON) tests/abi/abi.py write $(MPI_SHARED) --library mpi)

# Each of these builds works on a few programs that go from the operators to training and back.
# Debian's places of other CBLAS libraries; a distribution's own names are given the same way.
MULTIARCH      := $(shell $(CC) -print-multiarch)
VARIANTS       := clang O0 O1 O2 no-onednn netlib blis
SET_clang      := CC=clang
SET_O0         := OPT="-O0 -g"
SET_O1         := OPT="-O1 -g"
SET_O2         := OPT="-O2 -g"
SET_no-onednn  := ONEDNN=no
SET_netlib     := BLAS_CFLAGS=-Itests/abi/netlib BLAS_LIBS="-L/usr/lib/$(MULTIARCH)/blas -lblas" \
                  EXTRA_LDFLAGS=-Wl,-rpath,/usr/lib/$(MULTIARCH)/blas
SET_blis       := BLAS_CFLAGS="-isystem /usr/include/$(MULTIARCH)/blis-openmp" \
                  BLAS_LIBS="-L/usr/lib/$(MULTIARCH)/blis-openmp -lblis" \
                  EXTRA_LDFLAGS=-Wl,-rpath,/usr/lib/$(MULTIARCH)/blis-openmp
VARIANT_TESTS  := $(patsubst %,$(BUILD)/tests/%,abi/check_backend abi/check_layout api/check_codebook \
                    api/check_head api/check_model api/check_trainer graph/check_gradients)

variants: $(VARIANTS:%=variant-%) ## build and try the other builds (clang, -O0.., no oneDNN, other BLAS)

$(VARIANTS:%=variant-%): variant-%:
	@echo "$*: $(SET_$*)"
	@$(MAKE) --no-print-directory -j$(JOBS) variant-check CI=1 BUILD=build/variants/$* $(SET_$*)

.PHONY: variant-check $(VARIANTS:%=variant-%)
variant-check: all $(VARIANT_TESTS)
	@BUILD=$(BUILD) PYTHON= sh tests/run.sh $(VARIANT_TESTS)

# ---- other machines, on this one (tests/machines) ----

# What depends on kernels; and the loops for one instruction set each, where gcc would otherwise
# choose when a program starts.
KERNEL_TESTS := $(filter kernel/% op/% graph/% loss/% model/% train/% task/% \
                  $(addprefix api/check_,codebook head index model retriever segmenter trainer), \
                  $(TESTS:$(BUILD)/tests/%=%))
CAPPED       := portable avx2
CAP_portable := -DUNIC_NO_DISPATCH
CAP_avx2     := -DUNIC_NO_DISPATCH -march=x86-64-v3
MACHINE_MODELS ?= examples/demo/unicode.ini examples/demo/unicode-avt.ini

check-machines: all $(TESTS) $(CAPPED:%=capped-%) ## run what depends on kernels as on other processors
	@$(PYTHON) tests/machines/machines.py $(BUILD) --all $(TESTS:$(BUILD)/tests/%=%) \
	  --kernels $(KERNEL_TESTS) --models $(MACHINE_MODELS)

.PHONY: check-machines check-aarch64 $(IN_DEBIAN13) $(CAPPED:%=capped-%)
$(CAPPED:%=capped-%): capped-%:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/machines/$* EXTRA_CFLAGS="$(CAP_$*)" \
	  $(KERNEL_TESTS:%=$(BUILD)/machines/$*/tests/%)

# Needs a cross compiler, the libraries for arm64 and an emulator of user programs:
# dpkg --add-architecture arm64; apt-get install gcc-aarch64-linux-gnu qemu-user-static
# libopenblas-dev:arm64 libdnnl-dev:arm64 zlib1g-dev:arm64 check:arm64
# Debian 12 refuses libdnnl-dev:arm64 beside the host's libdnnl-dev (their dnnl_config.h differ).
# FFmpeg and MPI, which pkg-config and mpicc find, are the host's. Libraries that are unpacked into a
# folder are named in BLAS_CFLAGS, BLAS_LIBS, EXTRA_LDFLAGS and EMULATOR="qemu-aarch64-static -L FOLDER".
# The C library's own files (libc.so, libc.a, crt1.o and headers) must not be found there before the
# cross compiler's: a test program that has libc.a in it dies as it starts.
EMULATOR ?= qemu-aarch64-static
AARCH64  := CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar RUN="$(EMULATOR)" MEDIA=no MPI=no
check-aarch64: ## cross-compile for aarch64 and run the C tests in an emulator (qemu-user)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/aarch64 $(AARCH64) emulated-check

.PHONY: emulated-check
emulated-check: $(TESTS)
	@BUILD=$(BUILD) PYTHON= RUN="$(RUN)" sh tests/run.sh $(TESTS)

# A Debian 13 in the folder DEBIAN13, made where there is none; not a part of continuous integration.
DEBIAN13 ?= build/debian13
check-debian13: ## run `setup check` of a clean clone in Debian 13 (DEBIAN13=DIR; needs root, debootstrap)
	@tests/machines/debian13.sh $(DEBIAN13) make setup check

BENCH_PEERS   := python3-torch python3-onnxruntime python3-onnx libfaiss-dev
BENCH_SETTINGS = $(foreach v,ONLY QUICK RUNS THREADS ISA,$(if $($v),$v="$($v)"))
bench-debian13: ## measure in Debian 13, against its PyTorch, ONNX Runtime and faiss (DEBIAN13=DIR)
	@tests/machines/debian13.sh $(DEBIAN13) sh -c 'make setup && \
	  apt-get install -y -qq --no-install-recommends $(BENCH_PEERS) && exec make bench $(BENCH_SETTINGS)'

layers: ## check that includes point only down, and vendor headers stand in their glue files
	@$(PYTHON) tests/layers.py

# Each version of clang-format lays some lines out otherwise, so one version decides: where another
# one is installed, or none, the look is not checked. FORMAT=required makes that an error.
CLANG_FORMAT  ?= $(firstword $(shell command -v clang-format-$(FORMAT_VERSION) clang-format 2>/dev/null))
FORMAT_VERSION := 14
FORMAT_FOUND   = $(shell $(or $(CLANG_FORMAT),true) --version | grep -oE '[0-9]+' | head -n 1)
format-check: ## check the C sources' look (clang-format 14; not checked where that is missing)
	@if [ "$(FORMAT_FOUND)" = $(FORMAT_VERSION) ]; then \
	  $(CLANG_FORMAT) --dry-run -Werror $(FORMATTED) && echo "format: $(words $(FORMATTED)) files as they should be"; \
	else echo "format: not checked, this needs clang-format $(FORMAT_VERSION) (found: $(or $(FORMAT_FOUND),none))"; \
	  [ "$(FORMAT)" != required ]; fi

format: ## give the C sources their look
	$(CLANG_FORMAT) -i $(FORMATTED)

# As an application is built: nothing but the public headers and the library.
API_EXAMPLES  := $(patsubst examples/api/%,$(BUILD)/examples/%,\
                   $(basename $(sort $(wildcard examples/api/*.c examples/api/*.cc))))
EXAMPLE_FLAGS := -O2 -Wall -Wextra -Wpedantic -Iinclude
EXAMPLE_LIBS   = -L$(BUILD) -lunicode -lm -pthread $(EXTRA_LDFLAGS) -Wl,-rpath,'$$ORIGIN/..'

examples: $(API_EXAMPLES) ## build the examples of the API (examples/api)

$(BUILD)/examples/%: examples/api/%.c $(SHARED) $(HEADERS)
	@mkdir -p $(@D)
	$(SAY) "  CC    $@"
	$(Q)$(CC) -std=c11 $(EXAMPLE_FLAGS) -o $@ $< $(EXAMPLE_LIBS)

$(BUILD)/examples/%: examples/api/%.cc $(SHARED) $(HEADERS)
	@mkdir -p $(@D)
	$(SAY) "  CXX   $@"
	$(Q)$(CXX) -std=c++17 $(EXAMPLE_FLAGS) -o $@ $< $(EXAMPLE_LIBS)

docs: ## write the reference of the API as HTML (doxygen); a warning is an error
	@mkdir -p $(BUILD)/docs
	$(Q)DOCS_OUT=$(BUILD)/docs DOCS_VERSION=$(VERSION) doxygen docs/Doxyfile
	@echo "$(BUILD)/docs/html/index.html"

# A wheel that holds the library, for systems with the same OpenBLAS and oneDNN as this one.
WHEEL    ?= $(BUILD)/wheel
PLATFORM  = $$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_platform())')
wheel: $(SHARED) ## make a Python wheel with the library in it (build/wheel)
	$(Q)rm -rf $(WHEEL)/src && mkdir -p $(WHEEL) && cp -r bindings/python $(WHEEL)/src && cp LICENSE $(WHEEL)/src
	$(Q)strip --strip-unneeded -o $(WHEEL)/src/libunicode/libunicode.so.$(SOVERSION) $(SHARED)
	$(Q)cd $(WHEEL)/src && $(PYTHON) -W ignore -c 'import setuptools; setuptools.setup()' -q bdist_wheel \
	  --plat-name $(PLATFORM) --dist-dir ..
	@ls $(WHEEL)/*.whl

# A part of `make check` too: what only measures must not stop to compile.
BENCH_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/bench/native/*.c)))
$(BUILD)/bench/bench: $(BENCH_OBJ) $(INTERNAL)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/bench/links: $(BUILD)/obj/tests/bench/links/links.o $(INTERNAL)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

bench-links: $(BUILD)/bench/links ## what links between machines would cost a training of many ranks (docs/scale.md; RANKS="1 2 8")
	@for ranks in $(or $(RANKS),1 2 8 64 512); do \
	  $< 32 $$ranks 9 0 preset=small "modalities=image speech" image.kind=grid "image.dims=7 7 64" \
	    speech.kind=vector speech.dims=128 train.length=10; done
	@for ranks in $(or $(RANKS),1 2 8 64 512); do $< 8 $$ranks 3 0 preset=paper-av train.length=10; done

bench: all $(BUILD)/bench/bench ## measure against the peers (docs/performance.md; ONLY=help lists the groups)
	BUILD=$(BUILD) $(PYTHON) tests/bench/run.py

check-real-media: all ## every sound and picture of tuxpaint-stamps-default, and files of many formats, to features
	@BUILD=$(BUILD) $(PYTHON) tests/media/real/real_media.py

# ---- the demo ----

demo: all ## pre-train on image-speech clips and transfer heads; SEEDS="0 1 2" for more seeds
	$(PYTHON) examples/demo/run.py --build $(BUILD) --seeds "$(SEEDS)"

demo-avt: all ## the same with three modalities: image, speech and text
	$(PYTHON) examples/demo/run.py --build $(BUILD) --avt --seeds "$(SEEDS)"

demo-media: all ## the demo from sounds, pictures and texts by the programs alone; FILMS=yes: test clips are .mp4
	$(PYTHON) examples/demo/media.py --build $(BUILD) --seeds "$(firstword $(SEEDS))" $(if $(FILMS),--films)

demo-streaming: all ## what streaming costs on the demo's clips, and with encoder.context (docs/streaming.md)
	LIBUNICODE=$(abspath $(SHARED)) PYTHONPATH=bindings/python $(PYTHON) examples/demo/streaming.py \
	  --build $(BUILD) --seeds "$(SEEDS)"

tasks: all ## classify, localise, cross data sets, segment, retrieve: baseline against Uni-Code
	LIBUNICODE=$(abspath $(SHARED)) PYTHONPATH=bindings/python $(PYTHON) examples/tasks/run_tasks.py \
	  --build $(BUILD) --seeds "$(SEEDS)"

# SEEDS is 0 unless it is given; the table's are 0 1 2.
table: all ## every method and ablation side by side (docs/table.md): ROWS="ablations" SEEDS="0 1 2" DATA=easy JOBS=2
	$(PYTHON) examples/table/run.py --build $(BUILD) --rows "$(ROWS)" --data "$(or $(DATA),easy)" --jobs $(JOBS) \
	  --seeds "$(if $(filter file,$(origin SEEDS)),0 1 2,$(SEEDS))"

# ---- install: by file name, since ICU owns include/unicode too ----

DEST_INC = $(DESTDIR)$(INCLUDEDIR)/unicode
DEST_LIB = $(DESTDIR)$(LIBDIR)
DEST_BIN = $(DESTDIR)$(BINDIR)
DEST_MAN = $(DESTDIR)$(MANDIR)/man1
DEST_DOC = $(DESTDIR)$(DOCDIR)
# The pages, the map that they name and the examples, in the folders in which they name each other.
DOCUMENTS := $(sort $(wildcard LICENSE README.md CHANGELOG.md docs/*.md docs/*.svg docs/*.png lib/README.md \
               examples/api/*.c examples/api/*.cc examples/api/*.py examples/api/*/CMakeLists.txt examples/api/*/meson.build))
INSTALLED = $(addprefix $(DEST_INC)/,$(notdir $(HEADERS))) \
            $(addprefix $(DEST_BIN)/,$(notdir $(PROGRAMS))) \
            $(addprefix $(DEST_MAN)/,$(notdir $(MANUALS))) \
            $(addprefix $(DEST_DOC)/,$(DOCUMENTS)) \
            $(addprefix $(DEST_LIB)/,libunicode.a libunicode.so libunicode.so.$(SOVERSION) \
              libunicode.so.$(VERSION) pkgconfig/unicode.pc $(addprefix cmake/unicode/,$(notdir $(CMAKE_FILES)))) \
            $(if $(MEDIA_SHARED),$(addprefix $(DEST_LIB)/,libunicode-media.so libunicode-media.so.$(SOVERSION) \
              libunicode-media.so.$(VERSION) pkgconfig/unicode-media.pc)) \
            $(if $(MPI_SHARED),$(addprefix $(DEST_LIB)/,libunicode-mpi.so libunicode-mpi.so.$(SOVERSION) \
              libunicode-mpi.so.$(VERSION) pkgconfig/unicode-mpi.pc))
# Folders that are the library's own: removed when they are empty, the inner ones first.
OWN_FOLDERS = $(addprefix $(DEST_DOC)/,$(wildcard examples/api/*/) examples/api examples docs lib) \
              $(DEST_DOC) $(DEST_LIB)/cmake/unicode

reproducible: ## build in two directories, compare every byte of what is installed
	@JOBS=$(JOBS) sh tests/install/reproducible.sh $(BUILD)/reproducible

install: all ## install under PREFIX (DESTDIR, LIBDIR and the like are honoured)
	install -d $(DEST_INC) $(DEST_LIB)/pkgconfig $(DEST_LIB)/cmake/unicode $(DEST_BIN) $(DEST_MAN) \
	  $(sort $(dir $(addprefix $(DEST_DOC)/,$(DOCUMENTS))))
	install -m 644 $(HEADERS) $(DEST_INC)
	install -m 644 $(STATIC) $(DEST_LIB)
	install -m 755 $(SHARED) $(DEST_LIB)
	ln -sf libunicode.so.$(VERSION) $(DEST_LIB)/libunicode.so.$(SOVERSION)
	ln -sf libunicode.so.$(SOVERSION) $(DEST_LIB)/libunicode.so
	$(if $(MEDIA_SHARED),install -m 755 $(MEDIA_SHARED) $(DEST_LIB))
	$(if $(MEDIA_SHARED),ln -sf libunicode-media.so.$(VERSION) $(DEST_LIB)/libunicode-media.so.$(SOVERSION))
	$(if $(MEDIA_SHARED),ln -sf libunicode-media.so.$(SOVERSION) $(DEST_LIB)/libunicode-media.so)
	$(if $(MPI_SHARED),install -m 755 $(MPI_SHARED) $(DEST_LIB))
	$(if $(MPI_SHARED),ln -sf libunicode-mpi.so.$(VERSION) $(DEST_LIB)/libunicode-mpi.so.$(SOVERSION))
	$(if $(MPI_SHARED),ln -sf libunicode-mpi.so.$(SOVERSION) $(DEST_LIB)/libunicode-mpi.so)
	install -m 644 $(BUILD)/unicode.pc $(MEDIA_PC) $(MPI_PC) $(DEST_LIB)/pkgconfig
	install -m 644 $(CMAKE_FILES) $(DEST_LIB)/cmake/unicode
	install -m 755 $(PROGRAMS) $(DEST_BIN)
	install -m 644 $(MANUALS) $(DEST_MAN)
	for file in $(DOCUMENTS); do install -m 644 $$file $(DEST_DOC)/$$file || exit; done
	$(if $(DESTDIR),,ldconfig 2>/dev/null || true)

uninstall: ## remove exactly what install put there
	rm -f $(INSTALLED)
	for folder in $(OWN_FOLDERS); do rmdir $$folder 2>/dev/null || true; done

clean: ## remove what was built (the demo's data too)
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

-include $(LIB_OBJ:.o=.d) $(MEDIA_OBJ:.o=.d) $(MPI_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(foreach p,$(PARTS),$(patsubst %.o,%.d,$(call PARTS_OF,$(p)))) $(TEST_OBJ:.o=.d) $(FUZZ_OBJ:.o=.d) $(BENCH_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/obj/%.d)
-include $(patsubst $(BUILD)/bin/%,$(BUILD)/obj/examples/programs/%.d,$(PROGRAMS))
.SECONDARY:

setup: ## install the system packages (apt; on other systems: prints their names)
	@if dpkg -s $(PACKAGES) >/dev/null 2>&1; then echo "setup: all packages are there"; \
	elif command -v apt-get >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES); \
	else echo "setup: no apt here; install what your system calls these: $(PACKAGES)"; fi
.PHONY: setup

endif
