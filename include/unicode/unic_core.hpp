/**
 * @file unic_core.hpp
 * The classes from settings and clips to codes. unic.hpp includes it.
 */
#ifndef UNICODE_UNIC_CORE_HPP
#define UNICODE_UNIC_CORE_HPP

#include "unic_call.hpp"

#include <map>

namespace unic
{

// ---- settings ----

class config : public detail::handle<unic_config, unic_config_free>
{
  public:
    using handle::handle;
    config() : handle(detail::result(unic_config_create)) {}
    explicit config(std::string_view text) : config() { parse(text); }
    config copy() const { return config(find(unic_config_copy)); }
    void set(std::string_view key, std::string_view value) { run(unic_config_set, key, value); }
    void parse(std::string_view text, std::string_view source = "config")
    {
        run(unic_config_parse, text, source);
    }
    void load(std::string_view path) { run(unic_config_load, path); }
    std::string value(std::string_view key) const { return find(unic_config_get, key); }
    std::string text() const { return find(unic_config_text); }
    void check() const { run(unic_config_check); }
};

inline std::vector<unic_config_key> config_keys()
{
    std::vector<unic_config_key> keys;
    for (std::size_t i = 0; i < unic_config_key_count(); i++)
        keys.push_back(detail::result(unic_config_key_at, i));
    return keys;
}

// ---- clips ----

// A batch that another object owns; false: there is none, the epoch has ended.
class batch_view
{
  public:
    batch_view(const unic_batch *batch = nullptr) : batch_(batch) {}
    const unic_batch *get() const noexcept { return batch_; }
    explicit operator bool() const noexcept { return batch_ != nullptr; }
    std::size_t clip_count() const { return unic_batch_clip_count(batch_); }
    array features(std::string_view name) const
    {
        unic_array found;
        check(unic_batch_get(&found, nullptr, batch_, detail::as::c(name)));
        return found;
    }
    view<std::int32_t> lengths(std::string_view name) const // empty: every step is valid
    {
        const std::int32_t *found = nullptr;
        check(unic_batch_get(nullptr, &found, batch_, detail::as::c(name)));
        return {found, found ? clip_count() : 0};
    }

  private:
    const unic_batch *batch_;
};

class batch : public detail::handle<unic_batch, unic_batch_free>
{
  public:
    using handle::handle;
    batch() : handle(detail::result(unic_batch_create)) {}
    // The features are not copied: they must live as long as the batch is used.
    void set(std::string_view name, const array &features, view<std::int32_t> lengths = {})
    {
        if (!lengths.empty())
            expect(lengths.size(), features.dim(0), "unic::batch: lengths");
        std::vector<std::int32_t> kept(lengths.begin(), lengths.end());
        run(unic_batch_set, name, features, kept.empty() ? nullptr : kept.data());
        lengths_[std::string(name)] = std::move(kept); // in the same memory
    }
    void number_clips(view<std::int64_t> clips)
    {
        if (!clips.empty())
            expect(clips.size(), ask(unic_batch_clip_count), "unic::batch: clips");
        std::vector<std::int64_t> kept(clips.begin(), clips.end());
        run(unic_batch_number_clips, kept.empty() ? nullptr : kept.data());
        clips_ = std::move(kept);
    }
    operator batch_view() const { return get(); }

  private:
    std::map<std::string, std::vector<std::int32_t>> lengths_;
    std::vector<std::int64_t> clips_;
};

struct label_array {
    std::vector<std::int64_t> dims;
    std::vector<std::int32_t> values;
};

class dataset : public detail::handle<unic_dataset, unic_dataset_free>
{
  public:
    using handle::handle;
    // `modalities` are those to read; none: options.modalities, or else all of the files.
    explicit dataset(view<std::string> paths, unic_dataset_options options,
                     view<std::string> modalities = {}, progress_fn progress = {})
        : handle(open(paths, options, modalities, {std::move(progress)}))
    {
    }
    explicit dataset(view<source> npzs, unic_dataset_options options,
                     view<std::string> modalities = {}, progress_fn progress = {})
        : handle(open(npzs, options, modalities, {std::move(progress)}))
    {
    }
    std::size_t clip_count() const { return ask(unic_dataset_clip_count); }
    std::size_t batch_count() const { return ask(unic_dataset_batch_count); }
    std::size_t length() const { return ask(unic_dataset_length); }
    std::vector<std::string> modalities() const
    {
        return detail::names(ask(unic_dataset_modality_count),
                             [&](std::size_t i) { return ask(unic_dataset_modality_name, i); });
    }
    std::vector<std::int64_t> feature_dims(std::string_view modality) const
    {
        return dims(unic_dataset_feature_dims, modality);
    }
    std::size_t paired_count(std::string_view modality, std::string_view other) const
    {
        return find(unic_dataset_paired_count, modality, other);
    }
    bool has(std::string_view modality, std::size_t clip) const
    {
        return ask(unic_dataset_has, modality, clip) != 0;
    }
    std::string clip_name(std::string_view modality, std::size_t clip) const
    {
        char name[4096];
        run(unic_dataset_clip_name, modality, clip, &name[0], sizeof name);
        return name;
    }
    std::vector<std::string> class_names(std::string_view name) const
    {
        return detail::names(ask(unic_dataset_class_count, name), [&](std::size_t i) {
            return ask(unic_dataset_class_name, name, i);
        });
    }
    batch_view next() { return find(unic_dataset_next); } // borrowed until the next call
    void seek(std::uint64_t epoch, std::uint64_t batch)
    {
        run(unic_dataset_seek, epoch, batch);
    }
    label_array labels(std::string_view name)
    {
        std::int64_t sizes[UNIC_MAX_RANK];
        const std::size_t rank = find(unic_dataset_labels, name, &sizes[0], nullptr);
        label_array found{{sizes, sizes + rank}, {}};
        found.values.resize(shape(found.dims).count());
        find(unic_dataset_labels, name, &sizes[0], found.values.data());
        return found;
    }

  private:
    static unic_dataset *open(view<std::string> paths, unic_dataset_options &options,
                              view<std::string> modalities, detail::progress watcher)
    {
        const std::vector<const char *> files = detail::pointers(paths);
        const auto call = [&](unic_dataset **out, const unic_dataset_options *o) {
            return unic_dataset_open(out, files.data(), files.size(), o);
        };
        return open_with(call, options, modalities, watcher);
    }
    static unic_dataset *open(view<source> npzs, unic_dataset_options &options,
                              view<std::string> modalities, detail::progress watcher)
    {
        source::list all(npzs);
        const auto call = [&](unic_dataset **out, const unic_dataset_options *o) {
            return all.settle(unic_dataset_open_sources(out, all.data(), npzs.size(), o));
        };
        return open_with(call, options, modalities, watcher);
    }
    template <class Call>
    static unic_dataset *open_with(Call call, unic_dataset_options &options,
                                   view<std::string> modalities, detail::progress &watcher)
    {
        const std::vector<const char *> names = detail::pointers(modalities);
        if (!names.empty()) {
            options.modalities = names.data();
            options.modality_count = names.size();
        }
        unic_dataset *opened = nullptr;
        watcher.settle(call(&opened, detail::as::c(detail::with(watcher, options))));
        return opened;
    }
};

// ---- codes ----

// What one modality gives to an update: targets [rows,D] and their codes [rows].
struct update_rows {
    view<float> targets;
    view<std::int32_t> codes;
};

class codebook : public detail::handle<unic_codebook, unic_codebook_free>
{
  public:
    using handle::handle;
    codebook(std::size_t code_count, std::size_t dim, std::size_t modality_count = 1)
        : handle(detail::result(unic_codebook_create, code_count, dim, modality_count))
    {
    }
    static codebook load(std::string_view path, unic_open_options options = {})
    {
        return codebook(detail::result(unic_codebook_load, path, options));
    }
    static codebook load(const source &from, unic_open_options options = {})
    {
        return codebook(from.open(unic_codebook_load_source, options));
    }
    void save(std::string_view path) const { run(unic_codebook_save, path); }
    void save(const sink &to) const
    {
        to.save<const unic_codebook>(unic_codebook_save_sink, get());
    }
    codebook copy() const { return codebook(find(unic_codebook_copy)); }
    std::size_t code_count() const { return ask(unic_codebook_code_count); }
    std::size_t dim() const { return ask(unic_codebook_dim); }
    std::size_t modality_count() const { return ask(unic_codebook_modality_count); }
    void set(const array &embedding) { run(unic_codebook_set, embedding); }
    view<float> embedding() const // [L,D], until the codebook changes
    {
        return {ask(unic_codebook_embedding), code_count() * dim()};
    }
    void init(const array &z, unic_codebook_init_options options = {}, progress_fn f = {})
    {
        detail::progress watcher{std::move(f)};
        watcher.settle(ask(unic_codebook_init, z, detail::with(watcher, options)));
    }
    std::vector<std::int32_t> assign(const array &z) const
    {
        return fill<std::int32_t>(z.dim(0), unic_codebook_assign, z);
    }
    void assign(const array &z, std::int32_t *codes) const
    {
        run(unic_codebook_assign, z, codes);
    }
    // The k nearest codes of each row [rows,k], and how far they are.
    std::vector<std::int32_t> nearest(const array &z, std::size_t k,
                                      std::vector<float> *distances = nullptr) const
    {
        std::vector<std::int32_t> codes(z.dim(0) * k);
        if (distances)
            distances->resize(codes.size());
        run(unic_codebook_nearest, z, k, codes.data(), distances ? distances->data() : nullptr);
        return codes;
    }
    // The k nearest codes of each row [rows,k], with weights that sum to 1.
    std::vector<std::int32_t> soften(const array &z, std::size_t k, double temperature,
                                     std::vector<float> &weights) const
    {
        std::vector<std::int32_t> codes(z.dim(0) * k);
        weights.resize(codes.size());
        run(unic_codebook_soften, z, k, temperature, codes.data(), weights.data());
        return codes;
    }
    std::size_t jittered_count() const { return ask(unic_codebook_jittered_count); }
    std::vector<float> lookup(view<std::int32_t> codes) const
    {
        return fill<float>(codes.size() * dim(), unic_codebook_lookup, codes, codes.size());
    }
    void update(float decay, view<update_rows> modalities)
    {
        std::vector<std::size_t> rows;
        std::vector<const float *> targets;
        std::vector<const std::int32_t *> codes;
        expect(modalities.size(), modality_count(), "unic::codebook: modalities");
        for (const update_rows &m : modalities) {
            expect(m.targets.size(), m.codes.size() * dim(), "unic::codebook: targets");
            rows.push_back(m.codes.size());
            targets.push_back(m.targets.data());
            codes.push_back(m.codes.data());
        }
        run(unic_codebook_update, decay, rows.data(), targets.data(), codes.data());
    }
    std::size_t revive(unic_reset_rule rule, std::uint32_t steps, const array &z,
                       std::uint64_t seed, std::size_t max_count = 0)
    {
        return find(unic_codebook_revive, rule, steps, max_count, z, seed);
    }
    std::vector<std::int64_t> usage(view<std::int32_t> codes,
                                    double *perplexity = nullptr) const
    {
        std::vector<std::int64_t> counts(code_count());
        check(
            unic_codebook_usage(perplexity, get(), codes.data(), codes.size(), counts.data()));
        return counts;
    }
    std::vector<float> ema_counts() const
    {
        std::vector<float> counts(code_count());
        run(unic_codebook_state, counts.data(), nullptr);
        return counts;
    }
    std::vector<std::int32_t> idle() const // [modalities,L]
    {
        return fill<std::int32_t>(modality_count() * code_count(), unic_codebook_state,
                                  nullptr);
    }
    view<float> ema_sums() const // [L,D], until the codebook changes
    {
        return {ask(unic_codebook_ema_sums), code_count() * dim()};
    }
    // As the three above gave it; what is empty stays.
    void set_state(view<float> ema_counts, view<float> ema_sums, view<std::int32_t> idle)
    {
        if (!ema_counts.empty())
            expect(ema_counts.size(), code_count(), "unic::codebook: ema_counts");
        if (!ema_sums.empty())
            expect(ema_sums.size(), code_count() * dim(), "unic::codebook: ema_sums");
        if (!idle.empty())
            expect(idle.size(), modality_count() * code_count(), "unic::codebook: idle");
        run(unic_codebook_set_state, ema_counts, ema_sums, idle);
    }
    double perplexity() const { return ask(unic_codebook_perplexity); }
    std::vector<float> distances() const // [L,L]
    {
        return fill<float>(code_count() * code_count(), unic_codebook_distances);
    }
    std::uint64_t fingerprint() const { return ask(unic_codebook_fingerprint); }
    // TOC: the channels that tell the codes apart, p parts of the highest scores to q of the
    // lowest.
    std::vector<std::size_t> channels(std::size_t most, std::size_t p = 1, std::size_t q = 0,
                                      double lambda = 0.7,
                                      std::vector<double> *scores = nullptr) const
    {
        std::vector<std::size_t> found(dim());
        if (scores)
            scores->resize(dim());
        found.resize(find(unic_codebook_channels, lambda, most, p, q, found.data(),
                          scores ? scores->data() : nullptr));
        return found;
    }
    codebook select(view<std::size_t> channels) const // the same codes, in these channels alone
    {
        return codebook(find(unic_codebook_select, channels, channels.size()));
    }
    // What has changed until `after`, also in the codes of some steps, then and now.
    unic_drift_report drift(const codebook &after, view<std::int32_t> codes_before = {},
                            view<std::int32_t> codes_after = {}) const
    {
        expect(codes_after.size(), codes_before.size(), "unic::codebook::drift: codes_after");
        return find(unic_codebook_drift, after.get(), codes_before, codes_after,
                    codes_before.size());
    }
};

struct parameter {
    std::string name;
    std::vector<std::int64_t> dims;
    view<float> values; // valid as long as the model
};

class model : public detail::handle<unic_model, unic_model_free>
{
  public:
    using handle::handle;
    explicit model(std::string_view path, unic_open_options options = {})
        : handle(detail::result(unic_model_open, path, options))
    {
    }
    explicit model(const source &from, unic_open_options options = {})
        : handle(from.open(unic_model_open_source, options))
    {
    }
    static model from_checkpoint(std::string_view path, std::string_view settings = {},
                                 unic_open_options options = {}) // unic_model_import
    {
        return model(detail::result(unic_model_import, path, settings, options));
    }
    static model from_checkpoint(const source &from, std::string_view settings = {},
                                 unic_open_options options = {})
    {
        return model(from.open(unic_model_import_source, settings, options));
    }
    model share() const { return model(unic_model_retain(get())); } // another reference
    std::vector<std::string> modalities() const
    {
        return detail::names(ask(unic_model_modality_count),
                             [&](std::size_t i) { return ask(unic_model_modality_name, i); });
    }
    std::vector<std::int64_t> feature_dims(std::string_view modality) const
    {
        return dims(unic_model_feature_dims, modality);
    }
    std::vector<parameter> parameters() const
    {
        std::vector<parameter> all;
        for (;;) {
            const char *name = nullptr;
            const float *values = nullptr;
            std::size_t rank = 0;
            std::int64_t sizes[UNIC_MAX_RANK];
            const unic_status status = unic_model_parameter_at(&name, &values, &rank, get(),
                                                               all.size(), sizes);
            if (status == UNIC_E_NOTFOUND) // behind the last one
                return all;
            check(status);
            all.push_back({name, {sizes, sizes + rank}, {}});
            all.back().values = {values, shape(all.back().dims).count()};
        }
    }
    std::size_t code_count() const { return ask(unic_model_code_count); }
    std::size_t code_dim() const { return ask(unic_model_code_dim); }
    std::string config() const { return text(unic_model_config); }
    std::string weights() const { return text(unic_model_weights); }
    model convert(std::string_view weights) const
    {
        return model(find(unic_model_convert, weights));
    }
    unic::codebook codebook() const { return unic::codebook(find(unic_model_codebook)); }
    void save(std::string_view path) const { run(unic_model_save, path); }
    void save(const sink &to) const { to.save(unic_model_save_sink, get()); }
};

class encoder : public detail::handle<unic_encoder, unic_encoder_free>
{
  public:
    using handle::handle;
    encoder(const model &m, std::string_view modality, unic_encoder_options options)
        : handle(detail::result(unic_encoder_create, m, modality, options))
    {
    }
    // Allocates nothing. codes [B,T], quantized and semantic [B,T,D] may each be NULL.
    void encode(const array &features, view<std::int32_t> lengths, std::int32_t *codes,
                float *quantized = nullptr, float *semantic = nullptr)
    {
        if (!lengths.empty())
            expect(lengths.size(), features.dim(0), "unic::encoder: lengths");
        run(unic_encoder_encode, features, lengths, codes, quantized, semantic);
    }
    std::vector<std::int32_t> codes(const array &features, view<std::int32_t> lengths = {})
    {
        std::vector<std::int32_t> found(features.dim(0) * features.dim(1));
        encode(features, lengths, found.data());
        return found;
    }
    void encode(batch_view batch, std::int32_t *codes, float *quantized = nullptr,
                float *semantic = nullptr)
    {
        run(unic_encoder_encode_batch, batch.get(), codes, quantized, semantic);
    }
};

// Codes while the features still come in; it keeps the encoder.
class stream : public detail::handle<unic_stream, unic_stream_free>
{
  public:
    using handle::handle;
    stream(const encoder &e, unic_stream_options options)
        : handle(detail::result(unic_stream_create, e.get(), options))
    {
    }
    void push(const array &steps) { run(unic_stream_push, steps); }
    void finish() { run(unic_stream_finish); }
    void reset() { run(unic_stream_reset); }
    std::size_t ready_count() const { return unic_stream_ready_count(get()); }
    // How many codes were written, at most max_count; allocates nothing. *first is the number of
    // the first one's step. codes [max_count], quantized and semantic [max_count,D] may be NULL.
    std::size_t pull(std::size_t max_count, std::int32_t *codes, float *quantized = nullptr,
                     float *semantic = nullptr, std::uint64_t *first = nullptr)
    {
        std::size_t count;
        check(unic_stream_pull(&count, first, get(), max_count, codes, quantized, semantic));
        return count;
    }
    std::vector<std::int32_t> codes() // all that are ready
    {
        std::vector<std::int32_t> found(ready_count());
        pull(found.size(), found.data());
        return found;
    }
};

// Features of sound, frames or text. Each thread has one of its own.
class extractor : public detail::handle<unic_extractor, unic_extractor_free>
{
  public:
    using handle::handle;
    explicit extractor(std::string_view settings, unic_extractor_options options = {})
        : handle(detail::result(unic_extractor_create, settings, options))
    {
    }
    static extractor load(std::string_view path, unic_open_options options = {})
    {
        return extractor(detail::result(unic_extractor_load, path, options));
    }
    static extractor load(const source &from, unic_open_options options = {})
    {
        return extractor(from.open(unic_extractor_load_source, options));
    }
    void fit(const array &input) { run(unic_extractor_fit, input); }
    void normalise(const array &features) { run(unic_extractor_normalise, features); }
    void load_weights(std::string_view path, unic_open_options options = {})
    {
        run(unic_extractor_load_weights, path, options);
    }
    void load_weights(const source &from, unic_open_options options = {})
    {
        from.read(get(), unic_extractor_load_weights_source, options);
    }
    void load_words(std::string_view path, unic_extractor_list list,
                    unic_open_options options = {})
    {
        run(unic_extractor_load_words, path, list, options);
    }
    void load_words(const source &from, unic_extractor_list list,
                    unic_open_options options = {})
    {
        from.read(get(), unic_extractor_load_words_source, list, options);
    }
    void save(std::string_view path) const { run(unic_extractor_save, path); }
    void save(const sink &to) const
    {
        to.save<const unic_extractor>(unic_extractor_save_sink, get());
    }
    std::string kind() const { return text(unic_extractor_kind); }
    std::string settings() const { return text(unic_extractor_settings); }
    std::uint64_t fingerprint() const { return ask(unic_extractor_fingerprint); }
    unic_extractor_input input() const
    {
        return static_cast<unic_extractor_input>(ask(unic_extractor_input_of));
    }
    double rate() const { return ask(unic_extractor_rate); }
    std::vector<std::int64_t> input_dims() const { return dims(unic_extractor_input_dims); }
    std::vector<std::int64_t> feature_dims() const { return dims(unic_extractor_feature_dims); }
    // Into features [max_steps,...]; the number of steps. NULL: they are only counted.
    std::size_t extract(const array &input, std::size_t max_steps, float *features)
    {
        std::size_t steps;
        check(unic_extractor_extract(&steps, get(), input.get(), max_steps, features));
        return steps;
    }
    std::size_t extract(std::string_view text, std::size_t max_steps, float *features)
    {
        std::size_t steps;
        const char *first = text.empty() ? "" : text.data();
        check(unic_extractor_extract_text(&steps, get(), first, text.size(), max_steps,
                                          features));
        return steps;
    }
    template <class Input> std::vector<float> extract(const Input &input) // all steps
    {
        std::size_t width = 1;
        for (std::int64_t dim : feature_dims())
            width *= static_cast<std::size_t>(dim);
        const std::size_t steps = extract(input, 0, nullptr);
        std::vector<float> features(steps * width);
        extract(input, steps, features.data());
        return features;
    }
};

// All clips of a dataset; `codes`, unless it is NULL, becomes [N,T] for each encoder.
inline void encode_dataset(view<encoder> encoders, dataset &data, encoded_fn encoded,
                           progress_fn progress = {},
                           std::vector<std::vector<std::int32_t>> *codes = nullptr)
{
    detail::encoded each{std::move(encoded)};
    detail::progress watcher{std::move(progress)};
    unic_encode_options options{};
    if (each.function) {
        options.encoded = detail::encoded::call;
        options.encoded_user = &each;
    }
    std::vector<unic_encoder *> handles;
    std::vector<std::int32_t *> places;
    if (codes)
        codes->assign(encoders.size(),
                      std::vector<std::int32_t>(data.clip_count() * data.length()));
    for (std::size_t i = 0; i < encoders.size(); i++) {
        handles.push_back(encoders[i].get());
        places.push_back(codes ? (*codes)[i].data() : nullptr);
    }
    const unic_status status = unic_encoder_encode_dataset(
        handles.data(), handles.size(), data.get(),
        detail::as::c(detail::with(watcher, options)), places.data());
    if (each.thrown)
        each.settle(status);
    watcher.settle(status);
}

class trainer : private detail::watched, public detail::handle<unic_trainer, unic_trainer_free>
{
  public:
    using handle::handle;
    explicit trainer(const unic::config &settings, unic_trainer_options options = {},
                     progress_fn progress = {})
        : watched(std::move(progress)),
          handle(detail::result(unic_trainer_create, settings, with(options)))
    {
    }
    // options.settings: what the run goes on with, if not as it was.
    static trainer resume(std::string_view path, unic_trainer_options options = {},
                          unic_open_options open = {})
    {
        return trainer(detail::result(unic_trainer_resume, path, options, open));
    }
    static trainer resume(const source &run, unic_trainer_options options = {},
                          unic_open_options open = {})
    {
        return trainer(run.open(unic_trainer_resume_source, options, open));
    }
    static trainer from_checkpoint(std::string_view path, std::string_view settings = {},
                                   unic_trainer_options options = {},
                                   unic_open_options open = {}) // unic_trainer_import
    {
        return trainer(detail::result(unic_trainer_import, path, settings, options, open));
    }
    void start_from(const unic::model &model) // fine-tuning, a new modality beside others
    {
        run(unic_trainer_start_from, model.get());
    }
    std::vector<std::string> figure_names() const
    {
        return detail::names(ask(unic_trainer_figure_count),
                             [&](std::size_t i) { return ask(unic_trainer_figure_name, i); });
    }
    std::vector<double> step(batch_view batch, const unic_draws *draws = nullptr)
    {
        std::vector<double> figures(ask(unic_trainer_figure_count));
        settle(ask(unic_trainer_step, batch.get(), draws, figures.data()));
        return figures;
    }
    std::vector<double> evaluate(batch_view batch)
    {
        std::vector<double> figures(ask(unic_trainer_figure_count));
        settle(ask(unic_trainer_evaluate, batch.get(), figures.data()));
        return figures;
    }
    void set_total_step_count(std::uint64_t n) { run(unic_trainer_set_total_step_count, n); }
    std::uint64_t total_step_count() const { return ask(unic_trainer_total_step_count); }
    std::uint64_t step_count() const { return ask(unic_trainer_step_count); }
    void save(std::string_view path) { run(unic_trainer_save, path); }
    // The run's state; the model is another file.
    void save(const sink &to) const { to.save(unic_trainer_save_sink, get()); }
    unic::model model() const { return unic::model(find(unic_trainer_model)); }
    std::string config() const { return text(unic_trainer_config); }
};

// ---- files of arrays ----

class npz_writer : public detail::handle<unic_npz_writer, unic_npz_writer_free>
{
  public:
    explicit npz_writer(std::string_view path)
        : handle(detail::result(unic_npz_writer_create, path))
    {
    }
    void add(std::string_view name, const array &a) { run(unic_npz_writer_add, name, a); }
    void add_text(std::string_view name, std::string_view text)
    {
        run(unic_npz_writer_add_text, name, text);
    }
    void begin(std::string_view name, unic_dtype dtype, const shape &dims)
    {
        run(unic_npz_writer_begin, name, dtype, dims.rank(), dims.data());
    }
    void append(std::string_view name, const array &a) { run(unic_npz_writer_append, name, a); }
    void finish() { run(unic_npz_writer_finish); }
};

// ---- the process; set_log is not thread-safe ----

inline std::string version()
{
    return unic_version();
}
inline void set_threads(int n)
{
    check(unic_set_threads(n));
}
inline int threads()
{
    return unic_get_threads();
}

// An exception of the function ends with the line: a log has nobody to tell.
inline void set_log(std::function<void(unic_log_level level, const char *line)> function)
{
    // Never destroyed: objects that go after it, and other threads, may still log as the program ends.
    static auto &kept = *new std::function<void(unic_log_level, const char *)>;
    unic_set_log(nullptr, nullptr);
    kept = std::move(function);
    if (kept)
        unic_set_log(
            [](unic_log_level level, const char *line, void *) noexcept {
                try {
                    kept(level, line);
                } catch (...) {
                }
            },
            nullptr);
}

} // namespace unic

#endif
