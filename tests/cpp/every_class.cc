// every_class FOLDER: every class of unic.hpp in use, from a config to masks, and what it gives held against the same
// calls of the C interface. FOLDER is for files. The last line is "every class".
#include <unicode/unic.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <set>

namespace
{

constexpr std::size_t clips = 6, length = 4, sight = 5, sound = 3, classes = 2;

void require(bool holds, int line, const char *what)
{
    if (!holds)
        throw std::logic_error("line " + std::to_string(line) + " does not hold: " + what);
}
#define REQUIRE(...) require((__VA_ARGS__), __LINE__, #__VA_ARGS__)

// The error that a call throws.
template <class F> unic::error thrown(F call)
{
    try {
        call();
    } catch (const unic::error &e) {
        return e;
    }
    throw std::logic_error("nothing was thrown");
}

template <class T> T owned(unic_status (*create)(T *))
{
    T made{};
    unic::check(create(&made));
    return made;
}

std::vector<std::byte> contents(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto *first = reinterpret_cast<const std::byte *>(text.data());
    return {first, first + text.size()};
}

std::vector<float> wave(std::size_t size, std::size_t factor, std::size_t period)
{
    std::vector<float> x(size);
    for (std::size_t i = 0; i < size; i++)
        x[i] = static_cast<float>(i * factor % period) - static_cast<float>(period / 2);
    return x;
}

const char text[] = "modalities = a b\na.kind = vector\na.dims = 5\nb.kind = token\nb.dims = 3\ncode.dim = 8\n"
                    "code.count = 10\nencoder.heads = 2\nencoder.ff = 16\nclub.width = 8\ntrain.batch = 6\n"
                    "train.length = 4\n";

const std::vector<float> a = wave(clips *length *sight, 37, 11), b = wave(clips *length *sound, 53, 13);
const unic::array features_a(a, {clips, length, sight}), features_b(b, {clips, length, sound});

void errors_and_arrays()
{
    const unic::error e = thrown([] { unic::model("nowhere.npz"); });
    REQUIRE(e.status() == UNIC_E_NOTFOUND && std::string(e.status_name()) == "UNIC_E_NOTFOUND");
    REQUIRE(std::string(e.what()).find("unic_model_open: nowhere.npz") == 0);
    REQUIRE(std::string(thrown([] { unic::array(a, {clips, length}); }).what()) ==
            "unic::array: elements: 120, expected 24");
    REQUIRE(thrown([] { unic::shape(1, 2, 3, 4, 5, 6, 7); }).status() == UNIC_E_SHAPE);
    REQUIRE(thrown([] { unic::config("").set(std::string_view("a\0b", 3), "1"); }).status() == UNIC_E_ARG);
    const std::int32_t plain[] = {1, 2, 3};
    const std::array<double, 2> two = {1, 2};
    REQUIRE(unic::view<std::int32_t>(plain).size() == 3 && unic::view<double>(two)[1] == 2);
    const unic::array i(plain, {std::uint8_t(3)}), d(two.data(), {1, 2});
    REQUIRE(i.get()->dtype == UNIC_I32 && i.get()->dims[0] == 3 && d.get()->dtype == UNIC_F64 && d.get()->rank == 2);
    const std::vector<std::uint8_t> bytes = {1, 2, 200};
    const std::int8_t whole[] = {-1, 1};
    const std::uint16_t half[] = {0x3C00, 0xC000}; // 1, -2
    const unic::array u(bytes, {3, 1}), s(whole, {2}), h(half, UNIC_F16, {2}), g(half, UNIC_BF16, {2});
    REQUIRE(u.get()->dtype == UNIC_U8 && s.get()->dtype == UNIC_I8);
    REQUIRE(h.get()->dtype == UNIC_F16 && h.get()->data == half && g.get()->dtype == UNIC_BF16);
    unic_index_options one = {};
    one.dim = 1, one.metric = UNIC_INDEX_L2;
    unic::index small_numbers(one);
    small_numbers.add(u);
    REQUIRE(small_numbers.vectors()[2] == 200.0F);
    REQUIRE(unic::version() == unic_version());
    unic::set_threads(1);
    REQUIRE(unic::threads() == 1 && thrown([] { unic::set_threads(0); }).status() == UNIC_E_ARG);
}

void settings()
{
    unic::config config(text);
    REQUIRE(config.value("code.dim") == "8");
    config.set("code.dim", "16");
    unic::config copy = config.copy();
    REQUIRE(copy.text() == config.text() && copy.value("code.dim") == "16");
    config.check();
    const unic::error e = thrown([&] { config.parse("code.dmi = 4", "mine"); });
    REQUIRE(e.status() == UNIC_E_CONFIG && std::string(e.what()).find("mine:1") != std::string::npos);
    REQUIRE(thrown([&] { config.load("nowhere.ini"); }).status() == UNIC_E_NOTFOUND);
    const std::vector<unic_config_key> keys = unic::config_keys();
    REQUIRE(keys.size() == unic_config_key_count() && std::string(keys[0].name).size() > 0);
    unic::config moved = std::move(config);
    REQUIRE(moved && !config);                                                              // NOLINT
    REQUIRE(thrown([&] { config.set("code.dim", "8"); }).status() == UNIC_E_ARG);           // NOLINT
}

unic::trainer trained()
{
    unic::trainer trainer{unic::config(text)};
    unic::batch batch;
    batch.set("a", features_a);
    batch.set("b", features_b);
    REQUIRE(unic::batch_view(batch).clip_count() == clips);
    trainer.set_total_step_count(3);
    const std::vector<std::string> names = trainer.figure_names();
    REQUIRE(names[0] == "total" && names.size() == trainer.evaluate(batch).size());
    for (int step = 0; step < 3; step++) {
        const std::vector<double> figures = trainer.step(batch);
        REQUIRE(std::isfinite(figures[0]) && figures.size() == names.size());
    }
    REQUIRE(trainer.step_count() == 3 && trainer.total_step_count() == 3);
    REQUIRE(trainer.config().find("code.count = 10") != std::string::npos);
    return trainer;
}

void training(const std::string &folder)
{
    unic::trainer trainer = trained();
    // The same steps in C.
    unic_config *config = owned(unic_config_create);
    unic::check(unic_config_parse(config, text, nullptr));
    unic_trainer *c = nullptr;
    unic::check(unic_trainer_create(&c, config, nullptr));
    unic_batch *batch = owned(unic_batch_create);
    unic::check(unic_batch_set(batch, "a", features_a.get(), nullptr));
    unic::check(unic_batch_set(batch, "b", features_b.get(), nullptr));
    std::vector<double> figures(unic_trainer_figure_count(c));
    for (int step = 0; step < 4; step++)
        unic::check(unic_trainer_step(c, batch, nullptr, figures.data()));
    unic::batch again;
    again.set("a", features_a, std::vector<std::int32_t>(clips, length));
    again.set("b", features_b);
    again.number_clips({10, 11, 12, 13, 14, 15});
    REQUIRE(unic::batch_view(again).lengths("a").size() == clips && unic::batch_view(again).lengths("b").empty());
    REQUIRE(unic::batch_view(again).features("a").dim(2) == sight);
    trainer.save(folder + "/model.npz");
    unic::trainer resumed = unic::trainer::resume(folder + "/model.npz");
    REQUIRE(resumed.step_count() == 3);
    const unic::buffer run;
    trainer.save(run);
    REQUIRE(unic::trainer::resume(unic::source(run.bytes())).step_count() == 3);
    unic_trainer_options other = {};
    other.settings = "train.lr = 0.5";
    REQUIRE(unic::trainer::resume(folder + "/model.npz", other).config().find("train.lr = 0.5") != std::string::npos);
    int left = 5; // operations until the function throws
    unic::trainer tuned(unic::config(text), {}, [&](const char *, std::uint64_t, std::uint64_t) -> bool {
        return --left == 0 ? throw std::range_error("from a step") : false;
    });
    tuned.start_from(trainer.model());
    try {
        tuned.step(again);
        REQUIRE(false);
    } catch (const std::range_error &e) {
        REQUIRE(std::string(e.what()) == "from a step" && tuned.step_count() == 0);
    }
    tuned.step(again);
    REQUIRE(tuned.step_count() == 1 && thrown([&] { tuned.start_from(trainer.model()); }).status() == UNIC_E_STATE);
    const std::vector<double> fourth = resumed.step(again);
    for (std::size_t i = 1; i < figures.size(); i++)    // the schedule's end is set in one of them
        if (trainer.figure_names()[i] != "learning_rate")
            REQUIRE(std::abs(fourth[i] - figures[i]) <= 1e-3 * (1 + std::abs(figures[i])));
    REQUIRE(thrown([] { unic::trainer::from_checkpoint("nowhere.pt"); }).status() == UNIC_E_NOTFOUND);
    unic_batch_free(batch);
    unic_trainer_free(c);
    unic_config_free(config);
}

void models_and_encoders(const std::string &folder)
{
    unic::model model(folder + "/model.npz");
    REQUIRE(model.modalities() == std::vector<std::string>{"a", "b"} && model.code_count() == 10 && model.code_dim() == 8);
    REQUIRE(model.feature_dims("a") == std::vector<std::int64_t>{5});
    REQUIRE(model.config().find("code.dim = 8") != std::string::npos);
    const std::vector<unic::parameter> parameters = model.parameters();
    std::set<std::string> names;
    for (const unic::parameter &p : parameters) {
        names.insert(p.name);
        REQUIRE(p.values.size() == unic::shape(p.dims).count() && std::isfinite(p.values[p.values.size() - 1]));
    }
    REQUIRE(names.count("a.semantic.affine.weight") == 1 && names.size() == parameters.size());
    REQUIRE(model.weights() == "f32" && model.convert("bf16").weights() == "bf16");
    REQUIRE(thrown([&] { model.convert("f8"); }).status() == UNIC_E_CONFIG);
    model.save(folder + "/copy.npz");
    const std::vector<std::byte> bytes = contents(folder + "/copy.npz");
    const unic::buffer buffer;
    REQUIRE(buffer.bytes().empty());
    model.save(buffer);
    REQUIRE(std::equal(bytes.begin(), bytes.end(), buffer.bytes().begin(), buffer.bytes().end()));
    std::size_t written = 0, finished = 0, abandoned = 0;
    model.save(unic::sink([&](const void *, std::size_t n) { written += n; }, [&] { finished++; }, [&] { abandoned++; }));
    REQUIRE(written == bytes.size() && finished == 1 && abandoned == 0);
    const unic::sink full([](const void *, std::size_t) { throw std::length_error("the vault is full"); }, [&] { finished++; },
                          [&] { abandoned++; });
    try {
        model.save(full);
        throw std::logic_error("it was saved");
    } catch (const std::length_error &e) {
        REQUIRE(e.what() == std::string("the vault is full") && finished == 1 && abandoned == 1);
    }
    unic::buffer book;
    model.codebook().save(book);
    REQUIRE(unic::codebook::load(unic::source(book.bytes())).fingerprint() == model.codebook().fingerprint());
    REQUIRE(unic::model(unic::source(bytes)).config() == model.config());
    const unic::source slow(bytes.size(), [&](void *to, std::size_t n, std::uint64_t offset) {
        n = std::min<std::size_t>(n, 100);
        std::memcpy(to, bytes.data() + offset, n);
        return n;
    });
    unic_open_options now{};
    now.preload = 1;
    REQUIRE(unic::model(slow, now).parameters().size() == parameters.size());
    REQUIRE(unic::codebook::load(slow).fingerprint() == model.codebook().fingerprint());
    const unic::source broken(100, [](void *, std::size_t, std::uint64_t) -> std::size_t {
        throw std::out_of_range("the vault is shut");
    });
    try {
        unic::model unopened(broken);
        throw std::logic_error("it was opened");
    } catch (const std::out_of_range &e) {
        REQUIRE(e.what() == std::string("the vault is shut"));
    }
    REQUIRE(thrown([&] { unic::model::from_checkpoint(slow, "encoder.heads = 2"); }).status() == UNIC_E_ARG);
    unic_open_options little{};
    little.memory_limit = 100;
    REQUIRE(thrown([&] { unic::model(folder + "/copy.npz", little); }).status() == UNIC_E_NOMEM);
    REQUIRE(thrown([] { unic::model::from_checkpoint("nowhere.pt", "encoder.heads = 2"); }).status() == UNIC_E_NOTFOUND);

    unic_encoder_options sizes{};
    sizes.max_batch = clips;
    sizes.max_length = length;
    unic::encoder encoder(model.share(), "a", sizes);   // which keeps the model
    const std::vector<std::int32_t> lengths = {4, 3, 2, 1, 0, 4};
    std::vector<std::int32_t> codes(clips * length), same(codes.size()), c_codes(codes.size());
    std::vector<float> quantized(codes.size() * 8), semantic(quantized.size()), c_semantic(quantized.size());
    encoder.encode(features_a, lengths, codes.data(), quantized.data(), semantic.data());
    sizes.struct_size = sizeof sizes;
    unic_encoder *c = nullptr;
    unic::check(unic_encoder_create(&c, model.get(), "a", &sizes));
    unic::check(unic_encoder_encode(c, features_a.get(), lengths.data(), c_codes.data(), nullptr, c_semantic.data()));
    unic_encoder_free(c);
    REQUIRE(codes == c_codes && semantic == c_semantic && codes[7] == -1 && codes == encoder.codes(features_a, lengths));
    unic::batch batch;
    batch.set("a", features_a, lengths);
    encoder.encode(batch, same.data());
    REQUIRE(same == codes && model.codebook().lookup(codes) == quantized);
    REQUIRE(thrown([&] { encoder.codes(features_b); }).status() == UNIC_E_SHAPE);
    REQUIRE(thrown([&] { encoder.codes(features_a, {1, 2}); }).status() == UNIC_E_SHAPE);
    REQUIRE(thrown([&] { unic::encoder(model, "c", sizes); }).status() == UNIC_E_NOTFOUND);
    std::vector<unic::encoder> kept;
    kept.push_back(std::move(encoder));
    REQUIRE(kept[0].codes(features_a, lengths) == codes);
}

void streams(const std::string &folder)
{
    unic_encoder_options sizes{};
    sizes.max_batch = 1;
    sizes.max_length = length;
    unic::encoder encoder(unic::model(folder + "/model.npz"), "a", sizes);
    const float *x = static_cast<const float *>(features_a.get()->data);
    const std::vector<std::int32_t> whole = encoder.codes(unic::array(x, {1, length, 5}));
    unic_stream_options options{};
    options.window = length;
    options.lag = length;
    REQUIRE(thrown([&] { unic::stream(encoder, options); }).status() == UNIC_E_ARG);
    options.lag = length - 1;
    unic::stream stream(encoder, options);
    REQUIRE(stream.codes().empty());
    for (int clip = 0; clip < 2; clip++) {
        stream.push(unic::array(x, {length - 1, 5}));
        REQUIRE(stream.ready_count() == 0);
        stream.push(unic::array(x + (length - 1) * 5, {1, 5}));
        REQUIRE(stream.ready_count() == 1);
        stream.finish();
        REQUIRE(thrown([&] { stream.push(unic::array(x, {1, 5})); }).status() == UNIC_E_STATE);
        std::vector<std::int32_t> codes(2);
        std::uint64_t first = 9;
        REQUIRE(stream.pull(2, codes.data(), nullptr, nullptr, &first) == 2 && first == 0);
        const std::vector<std::int32_t> rest = stream.codes();
        codes.insert(codes.end(), rest.begin(), rest.end());
        REQUIRE(codes == whole);
        stream.reset();
    }
}

void datasets(const std::string &folder)
{
    const std::vector<std::int32_t> label = {0, 1, 0, 1, 0, 1}, lengths = {4, 3, 2, 1, 0, 4};
    {
        unic::npz_writer writer(folder + "/clips.npz");
        writer.add("a", features_a);
        writer.add("a.lengths", {lengths, {clips}});
        writer.begin("b", UNIC_F32, {clips, length, sound});
        for (std::size_t n = 0; n < clips; n++)
            writer.append("b", {b.data() + n * length * sound, {1, length, sound}});
        writer.add("label", {label, {clips}});
        writer.add_text("note", "a text");
        writer.finish();
        REQUIRE(thrown([&] { writer.finish(); }).status() == UNIC_E_STATE);
    }
    unic_dataset_options options{};
    options.batch = 4;
    std::size_t told = 0;
    unic::dataset data({folder + "/clips.npz"}, options, {}, [&](const char *what, std::uint64_t, std::uint64_t total) {
        told += std::string(what).size() * total;
        return false;
    });
    REQUIRE(told > 0 && data.clip_count() == clips && data.batch_count() == 2 && data.length() == length);
    REQUIRE(data.modalities() == std::vector<std::string>{"a", "b"});
    REQUIRE(data.feature_dims("b") == std::vector<std::int64_t>{3});
    REQUIRE(data.paired_count("a", "b") == 5 && data.has("b", 4) && !data.has("a", 4));
    REQUIRE(data.clip_name("a", 2).find("clips.npz") != std::string::npos && data.class_names("label").empty());
    const unic::label_array labels = data.labels("label");
    REQUIRE(labels.dims == std::vector<std::int64_t>{6} && labels.values == label);
    std::size_t seen = 0;
    while (unic::batch_view batch = data.next()) {
        REQUIRE(batch.lengths("a")[0] == lengths[seen] && batch.features("b").dim(2) == sound);
        seen += batch.clip_count();
    }
    REQUIRE(seen == clips);
    data.seek(0, 1);
    REQUIRE(data.next().clip_count() == 2);
    REQUIRE(unic::dataset({folder + "/clips.npz"}, options, {"b"}).modalities() == std::vector<std::string>{"b"});
    const std::vector<std::byte> npz = contents(folder + "/clips.npz");
    const unic::source one(npz), other(npz);
    REQUIRE(unic::dataset({one, other}, options, {"b"}).clip_count() == 2 * data.clip_count());
    REQUIRE(thrown([&] { unic::dataset({one, unic::source("x", 1)}, options); }).status() == UNIC_E_FORMAT);
    const unic::source shut(1000, [](void *, std::size_t, std::uint64_t) -> std::size_t {
        throw std::out_of_range("the vault is shut");
    });
    try {
        unic::dataset unopened({one, shut}, options);
        throw std::logic_error("it was opened");
    } catch (const std::out_of_range &e) {
        REQUIRE(e.what() == std::string("the vault is shut"));
    }

    // Of both modalities in one pass, against a call for each.
    unic::model model(folder + "/model.npz");
    unic_encoder_options sizes{};
    sizes.max_batch = clips;
    sizes.max_length = length;
    std::vector<unic::encoder> encoders;
    encoders.emplace_back(model, "a", sizes);
    encoders.emplace_back(model, "b", sizes);
    std::vector<std::vector<std::int32_t>> codes;
    std::vector<std::int32_t> heard;
    unic::encode_dataset(
        encoders, data,
        [&](std::size_t encoder, unic::batch_view batch, const std::int32_t *c, const float *, const float *semantic) {
            if (encoder == 0)
                heard.insert(heard.end(), c, c + batch.clip_count() * length);
            REQUIRE(semantic != nullptr);
            return false;
        },
        {}, &codes);
    REQUIRE(codes[0] == encoders[0].codes(features_a, lengths) && codes[0] == heard);
    REQUIRE(codes[1] == encoders[1].codes(features_b));

    // A callback that throws, or stops.
    const auto failing = [](std::size_t, const unic_batch *, const std::int32_t *, const float *, const float *) -> bool {
        throw std::range_error("from the callback");
    };
    const auto stopping = [](const char *, std::uint64_t, std::uint64_t) { return true; };
    const auto throwing = [](const char *, std::uint64_t, std::uint64_t) -> bool { throw 17; };
    try {
        unic::encode_dataset(encoders, data, failing);
        REQUIRE(false);
    } catch (const std::range_error &e) {
        REQUIRE(std::string(e.what()) == "from the callback");
    }
    REQUIRE(thrown([&] { unic::encode_dataset(encoders, data, {}, stopping); }).status() == UNIC_E_CANCELLED);
    try {
        unic::dataset({folder + "/clips.npz"}, options, {}, throwing);
        REQUIRE(false);
    } catch (int seventeen) {
        REQUIRE(seventeen == 17);
    }
    unic::encode_dataset(encoders, data, nullptr, nullptr, &codes);
    REQUIRE(codes[0] == heard);
}

void codebooks(const std::string &folder)
{
    const std::vector<float> points = {0, 0, 0, 1, 9, 9, 9, 8};
    const unic::array z(points, {4, 2});
    unic::codebook book(2, 2, 2);
    unic_codebook_init_options start{};
    start.iterations = 10;
    start.seed = 3;
    std::uint64_t told = 0;
    book.init(z, start, [&](const char *, std::uint64_t, std::uint64_t) { return ++told == 0; });
    REQUIRE(told > 0 && book.code_count() == 2 && book.dim() == 2 && book.modality_count() == 2);
    const std::vector<std::int32_t> codes = book.assign(z);
    std::vector<std::int32_t> same(4);
    unic::check(unic_codebook_assign(book.get(), z.get(), same.data()));
    REQUIRE(codes == same && codes[0] == codes[1] && codes[2] == codes[3] && codes[0] != codes[2]);
    book.assign(z, same.data());
    REQUIRE(codes == same);
    REQUIRE(book.lookup({codes[0], -1}) == std::vector<float>{0, 0.5F, 0, 0});
    REQUIRE(book.embedding().size() == 4 && std::abs(book.distances()[1] - 2 * 9.0F * 9.0F + 9.0F) < 10);
    double perplexity = 0;
    REQUIRE(book.usage(codes, &perplexity) == std::vector<std::int64_t>{2, 2} && std::abs(perplexity - 2) < 1e-9);
    REQUIRE(book.usage(codes) == std::vector<std::int64_t>{2, 2});
    REQUIRE(book.ema_counts() == std::vector<float>{1, 1} && std::abs(book.perplexity() - 2) < 1e-6);
    const std::uint64_t before = book.fingerprint();
    book.update(0.5F, {{points, codes}, {{}, {}}});
    REQUIRE(book.ema_counts() == std::vector<float>{1.5F, 1.5F} && book.idle().size() == 4);
    REQUIRE(thrown([&] { book.update(0.5F, {{points, codes}}); }).status() == UNIC_E_SHAPE);
    std::vector<float> far;
    REQUIRE(book.nearest(z, 3, &far)[1] == 1 - codes[0] && far.size() == 12 && std::isinf(far[2]));
    REQUIRE(book.nearest(z, 1) == codes && book.jittered_count() == 0);
    unic::codebook copy = book.copy();
    copy.set_state({3, 4}, {}, {0, 1, 2, 3});
    REQUIRE(copy.ema_counts() == std::vector<float>{3, 4} && copy.idle()[3] == 3 && copy.ema_sums()[1] == book.ema_sums()[1]);
    REQUIRE(thrown([&] { copy.set_state({1}, {}, {}); }).status() == UNIC_E_SHAPE);
    std::vector<double> scores;
    REQUIRE(book.channels(1, 1, 0, 0.7, &scores).size() == 1 && scores.size() == 2);
    REQUIRE(book.select(book.channels(2, 1, 1)).dim() == 2 && book.select({1}).embedding()[0] == book.embedding()[1]);
    std::vector<float> weights;
    const std::vector<std::int32_t> soft = book.soften(z, 2, 0.5, weights);
    REQUIRE(soft.size() == 2 * z.dim(0) && weights[0] >= 0.5F);
    REQUIRE(book.drift(copy).moved == 0 && book.drift(copy, {0, 1}, {0, 0}).changed == 0.5);
    REQUIRE(thrown([&] { book.drift(copy, {0, 1}, {0}); }).status() == UNIC_E_SHAPE);
    const unic::metrics::usage_scores used = unic::metrics::usage({{0, 1, 1}, {0, 0, -1}}, 2);
    REQUIRE(used.report.agreed_count == 1 && used.counts[1] == 2 && used.perplexity[1] == 1);
    copy.save(folder + "/codebook.npz");
    REQUIRE(unic::codebook::load(folder + "/codebook.npz").ema_counts() == copy.ema_counts());
    book.set({points.data(), {2, 2}});
    REQUIRE(book.embedding()[3] == 1 && book.fingerprint() != before);
    REQUIRE(book.revive(UNIC_RESET_OFF, 1, z, 7) == 0);
    const auto stop = [](const char *, std::uint64_t, std::uint64_t) { return true; };
    REQUIRE(thrown([&] { book.init(z, start, stop); }).status() == UNIC_E_CANCELLED);
    REQUIRE(thrown([&] { unic::codebook(0, 2); }).status() == UNIC_E_ARG);
}

struct coded {
    unic::codebook book{10, 8};
    std::vector<std::int32_t> codes = std::vector<std::int32_t>(clips * length), labels = {0, 1, 0, 1, 0, 1};
    coded()
    {
        const std::vector<float> e = wave(80, 29, 17);
        book.set({e, {10, 8}});
        for (std::size_t i = 0; i < codes.size(); i++)
            codes[i] = static_cast<std::int32_t>(i / length % 2 * 5 + i % 3);
    }
};

void heads(const std::string &folder)
{
    const coded c;
    unic_head_options options{};
    options.kind = UNIC_HEAD_CLIP;
    options.class_count = classes;
    std::uint64_t told = 0;
    bool fail = false;
    unic::head head(c.book, options, [&](const char *, std::uint64_t done, std::uint64_t) {
        if (fail)
            throw std::range_error("from the callback");
        told = done;
        return false;
    });
    REQUIRE(head.settings().epochs == 30 && head.settings().class_count == 2);
    const double loss = head.fit(c.codes, length, c.labels);
    unic_head *plain = nullptr;
    double plain_loss = 0;
    options.struct_size = sizeof options;
    unic::check(unic_head_create(&plain, c.book.get(), &options));
    unic::check(unic_head_fit(&plain_loss, plain, c.codes.data(), clips, length, c.labels.data()));
    std::vector<float> logits(clips * classes), same(logits.size());
    unic::check(unic_head_predict(plain, c.codes.data(), clips, length, logits.data()));
    unic_head_free(plain);
    REQUIRE(told > 0 && loss == plain_loss && logits == head.predict(c.codes, length));
    head.predict(c.codes, length, same.data());
    REQUIRE(head.predict_soft(c.codes, std::vector<float>(c.codes.size(), 1), 1, length) == logits);
    REQUIRE(same == logits);
    const unic::metrics::class_scores scores = unic::metrics::classes(logits, c.labels, classes);
    REQUIRE(scores.report.row_count == clips && scores.confusion.size() == 4 && scores.per_class.size() == 2);
    REQUIRE(scores.report.accuracy == 1 && scores.confusion[0] == 3);

    unic::head moved = std::move(head);     // the function that it reports to moves along
    fail = true;
    try {
        moved.fit(c.codes, length, c.labels);
        REQUIRE(false);
    } catch (const std::range_error &) {
    }
    fail = false;
    REQUIRE(moved.predict(c.codes, length) == logits);
    moved.fit(c.codes, length, c.labels);
    REQUIRE(thrown([&] { moved.fit(c.codes, length, {0, 1}); }).status() == UNIC_E_SHAPE);
    REQUIRE(thrown([&] { moved.predict(c.codes, 5); }).status() == UNIC_E_SHAPE);
    std::vector<std::int32_t> labels = c.labels, codes = c.codes;
    std::fill(codes.begin(), codes.begin() + length, -1);
    moved.mask_labels(codes, length, labels);
    REQUIRE(labels[0] == -1 && labels[1] == 1);
    moved.save(folder + "/head.npz");
    unic::head loaded = unic::head::load(folder + "/head.npz");
    const std::vector<std::byte> bytes = contents(folder + "/head.npz");
    REQUIRE(unic::head::load(unic::source(bytes)).fingerprint() == loaded.fingerprint());
    const unic::buffer saved;
    loaded.save(saved);
    REQUIRE(saved.bytes().size() == bytes.size());
    REQUIRE(loaded.predict(c.codes, length) == moved.predict(c.codes, length));
    loaded.fit(c.codes, length, c.labels);
    loaded.accepts(c.book.fingerprint());
    REQUIRE(loaded.fingerprint() == c.book.fingerprint());
    REQUIRE(thrown([&] { loaded.accepts(1); }).status() == UNIC_E_MISMATCH);

    options.kind = UNIC_HEAD_STEP_MULTI;
    options.epochs = 200;
    options.learning_rate = 0.02F;
    unic::head multi(c.book, options);
    std::vector<std::int32_t> events(clips * length * classes);
    for (std::size_t i = 0; i < clips * length; i++)
        events[i * classes + static_cast<std::size_t>(c.codes[i] / 5)] = 1;
    multi.fit(c.codes, length, events);
    const std::vector<float> steps = multi.predict(c.codes, length);
    REQUIRE(unic::metrics::steps(steps, events, classes).f1 == 1);
    REQUIRE(unic::metrics::steps_cmg(steps, events, classes).f1 == 1);
    REQUIRE(unic::metrics::events(steps, events, length, classes).f1 == 1);
    REQUIRE(thrown([&] { unic::metrics::steps({1, 2}, events, classes); }).status() == UNIC_E_SHAPE);
}

void retrieval(const std::string &folder)
{
    const coded c;
    const std::vector<float> shares = unic::pool_histogram(c.codes, length, 10);
    const std::vector<float> means = unic::pool_mean(c.book.lookup(c.codes), c.codes, length, 8);
    REQUIRE(shares.size() == 60 && means.size() == 48);
    unic_index_options options{};
    options.dim = 8;
    options.metric = UNIC_INDEX_L2;
    options.fingerprint = c.book.fingerprint();
    unic::index index(options);
    const unic::array items(means, {clips, 8});
    index.add(items, {60, 50, 40, 30, 20, 10});
    REQUIRE(index.item_count() == clips && index.dim() == 8 && index.metric() == UNIC_INDEX_L2);
    REQUIRE(index.ids()[1] == 50 && index.vectors()[9] == means[9]);
    const unic::neighbours found = index.search(items, 2);
    std::vector<std::int64_t> ids(clips * 2);
    unic::check(unic_index_search(index.get(), items.get(), 2, nullptr, ids.data(), nullptr));
    REQUIRE(found.ids == ids && found.scores.size() == ids.size() && found.scores[0] == 0);
    const std::vector<std::int64_t> ranks = index.rank(items, {60, 50, 40, 30, 20, 10});
    const unic::metrics::rank_scores scores = unic::metrics::recall(ranks, {1, 6});
    REQUIRE(scores.recall[1] == 1 && scores.report.query_count == clips);
    REQUIRE(unic::metrics::ranks({1, 0, 0, 1}, {0, 1}, {0, 1}, {1}).recall[0] == 1);
    unic_search_options threads{};
    threads.threads = 2;
    std::uint64_t pairs = 0;
    const auto stopping = [&](const char *, std::uint64_t done, std::uint64_t) { return (pairs = done) > 0; };
    REQUIRE(index.search(items, 2, threads).ids == ids && index.rank(items, {60, 50, 40, 30, 20, 10}, threads) == ranks);
    REQUIRE(thrown([&] { index.search(items, 2, {}, stopping); }).status() == UNIC_E_CANCELLED && pairs == clips * clips);
    REQUIRE(thrown([&] { index.rank(items, {60, 50, 40, 30, 20, 10}, {}, stopping); }).status() == UNIC_E_CANCELLED);
    index.accepts(c.book.fingerprint());
    REQUIRE(thrown([&] { index.accepts(1); }).status() == UNIC_E_MISMATCH);
    REQUIRE(thrown([&] { index.add(items, {1}); }).status() == UNIC_E_SHAPE);
    index.reserve(20);
    index.add({means.data(), {1, 8}}, {7});
    index.update({means.data() + 8, {1, 8}}, {7});
    REQUIRE(index.vectors()[6 * 8] == means[8] && index.item_count() == 7);
    index.remove({7});
    REQUIRE(index.item_count() == clips);
    index.save(folder + "/index.npz");
    REQUIRE(unic::index::load(folder + "/index.npz").search(items, 2).ids == ids);
    const std::vector<std::byte> bytes = contents(folder + "/index.npz");
    REQUIRE(unic::index::load(unic::source(bytes)).search(items, 2).ids == ids);
    const unic::buffer index_bytes;
    unic::index::load(unic::source(bytes)).save(index_bytes);
    REQUIRE(index_bytes.bytes().size() == bytes.size());

    unic_retriever_options trained{};
    trained.item_dim = 8;
    trained.epochs = 2;
    std::uint64_t told = 0;
    unic::retriever retriever(c.book, trained, [&](const char *, std::uint64_t done, std::uint64_t) {
        told = done;
        return false;
    });
    REQUIRE(std::isfinite(retriever.fit(c.codes, length, items)) && told > 0 && retriever.settings().dim == 128);
    const std::vector<float> q = retriever.queries(c.codes, length), v = retriever.items(items);
    std::vector<float> same(q.size());
    unic::check(unic_retriever_queries(retriever.get(), c.codes.data(), clips, length, same.data()));
    REQUIRE(q == same && v.size() == clips * 128);
    retriever.accepts(retriever.fingerprint());
    retriever.save(folder + "/retriever.npz");
    REQUIRE(unic::retriever::load(folder + "/retriever.npz").queries(c.codes, length) == q);
    const std::vector<std::byte> held = contents(folder + "/retriever.npz");
    REQUIRE(unic::retriever::load(unic::source(held)).queries(c.codes, length) == q);
    const unic::buffer retriever_bytes;
    unic::retriever::load(unic::source(held)).save(retriever_bytes);
    REQUIRE(retriever_bytes.bytes().size() == held.size());
}

void masks(const std::string &folder)
{
    const coded c;
    unic_segmenter_options options{};
    options.height = options.width = 16;
    options.image_channels = 1;
    options.level_count = 2;
    bool stops = false;
    unic::segmenter segmenter(c.book, options, [&](const char *, std::uint64_t, std::uint64_t) { return stops; });
    REQUIRE(segmenter.settings().height == 16);
    const std::vector<float> frames = wave(2 * 256, 31, 7);
    std::vector<float> truth(2 * 256);
    std::vector<std::uint8_t> inside(truth.size());
    for (std::size_t i = 0; i < truth.size(); i++)
        truth[i] = inside[i] = i % 16 < 8;
    const unic::array images(frames, {2, 1, 16, 16, 1});
    const std::vector<std::int32_t> codes(c.codes.begin(), c.codes.begin() + 2 * length);
    REQUIRE(std::isfinite(segmenter.step({images}, codes, {truth, {2, 1, 16, 16}})));
    const std::vector<float> logits = segmenter.predict({images}, codes);
    const unic_array *all[] = {images.get()};
    std::vector<float> same(logits.size());
    unic::check(unic_segmenter_predict(segmenter.get(), all, 1, codes.data(), length, same.data()));
    REQUIRE(logits == same);
    stops = true;
    REQUIRE(thrown([&] { segmenter.step({images}, codes, {truth, {2, 1, 16, 16}}); }).status() == UNIC_E_CANCELLED);
    REQUIRE(thrown([&] { segmenter.predict({images}, codes); }).status() == UNIC_E_CANCELLED);
    stops = false;
    REQUIRE(segmenter.predict({images}, codes) == logits);
    segmenter.accepts(segmenter.fingerprint());
    segmenter.save(folder + "/segmenter.npz");
    REQUIRE(unic::segmenter::load(folder + "/segmenter.npz").predict({images}, codes) == logits);
    const std::vector<std::byte> bytes = contents(folder + "/segmenter.npz");
    REQUIRE(unic::segmenter::load(unic::source(bytes)).predict({images}, codes) == logits);
    const unic::buffer segmenter_bytes;
    unic::segmenter::load(unic::source(bytes)).save(segmenter_bytes);
    REQUIRE(segmenter_bytes.bytes().size() == bytes.size());
    std::vector<double> curve;
    REQUIRE(unic::metrics::masks(logits, inside, 256, &curve).mask_count == 2 && curve.size() == 255);
    REQUIRE(unic::metrics::masks(logits, inside, 256).mask_count == 2);
    REQUIRE(unic::metrics::masks_cmg(logits, inside, 256, 1).mask_count == 2);
}

// VGGish with one channel.
void write_network(const std::string &path)
{
    unic::npz_writer file(path);
    std::int64_t wide = 24;
    for (int layer : {0, 3, 6, 8, 11, 13}) {
        const std::string name = "features." + std::to_string(layer);
        file.add(name + ".weight", unic::array(wave(9, 3, 8), {1, 1, 3, 3}));
        file.add(name + ".bias", unic::array(wave(1, 2, 8), {1}));
    }
    for (int layer : {0, 2, 4}) {
        const std::string name = "embeddings." + std::to_string(layer);
        file.add(name + ".weight", unic::array(wave(static_cast<std::size_t>(3 * wide), 4, 30), {3, wide}));
        file.add(name + ".bias", unic::array(wave(3, 2, 8), {3}));
        wide = 3;
    }
    file.finish();
}

void extractors(const std::string &folder)
{
    unic::extractor gone("kind = ngrams\ndim = 3");
    const unic::extractor taken = std::move(gone);
    REQUIRE(taken.kind() == "ngrams");
    REQUIRE(thrown([&] { gone.kind(); }).status() == UNIC_E_ARG);                            // NOLINT
    REQUIRE(thrown([&] { gone.settings(); }).status() == UNIC_E_ARG);                        // NOLINT
    const auto nothing = [](void *, std::size_t n, std::uint64_t) { return n; };
    REQUIRE(thrown([&] { unic::source(SIZE_MAX, nothing); }).status() == UNIC_E_ARG);
    unic::extractor words("kind = ngrams\ndim = 3"), sounds("kind = logmel\nparts = 2\nbands = 4");
    REQUIRE(words.kind() == "ngrams" && words.input() == UNIC_EXTRACTOR_TEXT && words.rate() == 0);
    REQUIRE(sounds.rate() == 16000 && sounds.input() == UNIC_EXTRACTOR_SOUND);
    REQUIRE(unic::extractor(words.settings()).fingerprint() == words.fingerprint());
    REQUIRE(words.input_dims().empty() && sounds.input_dims() == std::vector<std::int64_t>{0});
    REQUIRE(words.feature_dims() == std::vector<std::int64_t>{3} && sounds.feature_dims()[0] == 8);
    const std::vector<float> y = words.extract(std::string_view("two words"));
    float same[6];
    std::size_t steps;
    unic::check(unic_extractor_extract_text(&steps, words.get(), "two words", 9, 2, same));
    REQUIRE(steps == 2 && std::equal(y.begin(), y.end(), same, same + 6));
    REQUIRE(words.extract(std::string_view()).empty());
    REQUIRE(sounds.extract(unic::array(wave(32000, 7, 50), {32000})).size() == 16);
    unic::extractor patches("kind = patches\nside = 4\ncells = 2\npatch = 2\ncomponents = 2\nchannels = 3");
    std::vector<std::uint8_t> pixels(9 * 4 * 4 * 3);
    for (std::size_t i = 0; i < pixels.size(); i++)
        pixels[i] = static_cast<std::uint8_t>(i * i * 31 >> 3);
    const unic::array frames(pixels, {9, 4, 4, 3});
    REQUIRE(thrown([&] { patches.extract(frames); }).status() == UNIC_E_STATE);
    patches.fit(frames);
    patches.save(folder + "/patches.npz");
    REQUIRE(unic::extractor::load(folder + "/patches.npz").extract(frames) == patches.extract(frames));
    const std::uint64_t fitted = patches.fingerprint();
    patches.normalise(unic::array(patches.extract(frames), {9, 2, 2, 3}));
    patches.save(folder + "/patches.npz");
    REQUIRE(patches.fingerprint() != fitted);
    REQUIRE(unic::extractor::load(folder + "/patches.npz").fingerprint() == patches.fingerprint());
    const std::vector<std::byte> held = contents(folder + "/patches.npz");
    const unic::buffer bytes;
    unic::extractor::load(unic::source(held)).save(bytes);
    REQUIRE(bytes.bytes().size() == held.size());
    REQUIRE(thrown([&] { sounds.extract(std::string_view("a")); }).status() == UNIC_E_ARG);
    unic::extractor network("kind = vggish");
    REQUIRE(thrown([&] { network.load_weights(folder + "/patches.npz"); }).status() == UNIC_E_FORMAT);
    write_network(folder + "/weights.npz");
    network.load_weights(folder + "/weights.npz");
    const std::uint64_t loaded = network.fingerprint();
    const std::vector<std::byte> weights = contents(folder + "/weights.npz");
    network.load_weights(unic::source(weights));
    REQUIRE(network.fingerprint() == loaded && network.feature_dims()[0] == 3);
    REQUIRE(network.extract(unic::array(wave(32000, 7, 50), {32000})).size() == 6);
}

void lists_of_words(const std::string &folder)
{
    unic::extractor network("kind = bert");
    REQUIRE(thrown([&] { network.load_words(folder + "/words.txt", UNIC_EXTRACTOR_KEEP); }).status() == UNIC_E_NOTFOUND);
    const std::uint64_t before = network.fingerprint();
    const std::string words = "[UNK]\n[CLS]\n[SEP]\none\n";
    std::ofstream(folder + "/words.txt", std::ios::binary) << words;
    network.load_words(folder + "/words.txt", UNIC_EXTRACTOR_VOCABULARY);
    const std::uint64_t loaded = network.fingerprint();
    REQUIRE(loaded != before);
    const std::vector<std::byte> held = contents(folder + "/words.txt");
    network.load_words(unic::source(held), UNIC_EXTRACTOR_VOCABULARY);
    REQUIRE(network.fingerprint() == loaded);
    REQUIRE(thrown([&] { network.extract(std::string_view("one")); }).status() == UNIC_E_STATE);
}

void class_maps(const std::string &folder)
{
    const std::vector<std::string> theirs = {"cat", "dog", "ox"};
    const unic::class_map map("cat = 1\nox = 0\n", theirs, 2);
    REQUIRE(map.target(0) == 1 && map.target(1) == -1 && map.target(2) == 0);
    REQUIRE(map.classes({0, 1, -1, 2}) == std::vector<std::int32_t>{1, -1, -1, 0});
    REQUIRE(map.steps({1, 0, 1, 0, 0, 0}) == std::vector<std::int32_t>{1, 1, 0, 0});
    REQUIRE(thrown([&] { unic::class_map("cow = 1", theirs, 2); }).status() == UNIC_E_NOTFOUND);
    REQUIRE(thrown([&] { unic::class_map::load(folder + "/nowhere", 2, 2); }).status() == UNIC_E_NOTFOUND);
}

void logs(const std::string &folder)
{
    std::vector<std::string> lines;
    unic::set_log([&](unic_log_level, const char *line) {
        lines.emplace_back(line);
        throw std::range_error("nobody hears of this");
    });
    unic_dataset_options options{};
    options.batch = clips;
    options.length = 2;
    unic::dataset data({folder + "/clips.npz"}, options);
    while (data.next())
        continue;
    unic::set_log(nullptr);
    REQUIRE(lines.size() == 2 && lines[1] == "modality \"b\": 6 clips of more than 2 steps were cut");
    data.seek(0, 0);
    while (data.next())
        continue;
    REQUIRE(lines.size() == 2);
}

// Works while the program ends: it was there before set_log() was called, and goes after it.
struct at_the_end {
    std::string folder;
    std::size_t heard = 0;
    ~at_the_end()
    {
        if (folder.empty())
            return;
        unic_dataset_options options{};
        options.batch = clips;
        options.length = 2;
        unic::dataset data({folder + "/clips.npz"}, options);
        while (data.next())
            continue;
        if (heard != 2) {
            std::cerr << heard << " lines were heard at the end\n";
            std::_Exit(1);
        }
    }
} at_the_end;

void logs_until_the_end(const std::string &folder)
{
    at_the_end.folder = folder;
    unic::set_log([text = std::make_shared<std::string>("a text that is too long for the string itself")](
                      unic_log_level, const char *) { at_the_end.heard += text->size() == 45; });
}

} // namespace

int main(int argc, char **argv)
try {
    const std::string folder = argc > 1 ? argv[1] : ".";
    errors_and_arrays();
    settings();
    training(folder);
    models_and_encoders(folder);
    streams(folder);
    datasets(folder);
    codebooks(folder);
    heads(folder);
    retrieval(folder);
    masks(folder);
    class_maps(folder);
    extractors(folder);
    lists_of_words(folder);
    logs(folder);
    logs_until_the_end(folder);
    std::cout << "every class\n";
} catch (const std::exception &e) {
    std::cerr << e.what() << '\n';
    return 1;
}
