/**
 * @file unic_tasks.hpp
 * The classes for what is done with codes. unic.hpp includes it.
 */
#ifndef UNICODE_UNIC_TASKS_HPP
#define UNICODE_UNIC_TASKS_HPP

#include "unic_core.hpp"

namespace unic
{

// ---- what codes are used for ----

class head : private detail::watched, public detail::handle<unic_head, unic_head_free>
{
  public:
    using handle::handle;
    head(const codebook &book, unic_head_options options, progress_fn progress = {})
        : watched(std::move(progress)),
          handle(detail::result(unic_head_create, book, with(options)))
    {
    }
    static head load(std::string_view path, unic_open_options options = {})
    {
        return head(detail::result(unic_head_load, path, options));
    }
    static head load(const source &from, unic_open_options options = {})
    {
        return head(from.open(unic_head_load_source, options));
    }
    unic_head_options settings() const { return find(unic_head_settings); }
    double fit(view<std::int32_t> codes, std::size_t length, view<std::int32_t> labels)
    {
        double loss = 0;
        const std::size_t clips = detail::count(codes.size(), length);
        expect(labels.size(), width(clips, length, false), "unic::head: labels");
        settle(unic_head_fit(&loss, get(), codes.data(), clips, length, labels.data()));
        return loss;
    }
    std::vector<float> predict(view<std::int32_t> codes, std::size_t length) const
    {
        const std::size_t clips = detail::count(codes.size(), length);
        return fill<float>(width(clips, length, true), unic_head_predict, codes, clips, length);
    }
    void predict(view<std::int32_t> codes, std::size_t length, float *logits) const
    {
        run(unic_head_predict, codes, detail::count(codes.size(), length), length, logits);
    }
    // Codes and weights [clips,length,k], as codebook::soften() gives them.
    std::vector<float> predict_soft(view<std::int32_t> codes, view<float> weights,
                                    std::size_t k, std::size_t length) const
    {
        expect(weights.size(), codes.size(), "unic::head: weights");
        const std::size_t clips = detail::count(codes.size(), length * k);
        return fill<float>(width(clips, length, true), unic_head_predict_soft, codes, weights,
                           k, clips, length);
    }
    void mask_labels(view<std::int32_t> codes, std::size_t length,
                     std::vector<std::int32_t> &labels) const
    {
        const std::size_t clips = detail::count(codes.size(), length);
        expect(labels.size(), width(clips, length, false), "unic::head: labels");
        run(unic_head_mask_labels, codes, clips, length, labels.data());
    }
    std::uint64_t fingerprint() const { return ask(unic_head_fingerprint); }
    void accepts(std::uint64_t fingerprint) const { run(unic_head_accepts, fingerprint); }
    void save(std::string_view path) const { run(unic_head_save, path); }
    void save(const sink &to) const { to.save<const unic_head>(unic_head_save_sink, get()); }

  private:
    std::size_t width(std::size_t clips, std::size_t length, bool logits) const
    {
        const unic_head_options o = settings();
        const bool classes = logits || o.kind == UNIC_HEAD_STEP_MULTI;
        return clips * (o.kind == UNIC_HEAD_CLIP ? 1 : length) *
               (classes ? static_cast<std::size_t>(o.class_count) : 1);
    }
};

// The share of each code in each clip [clips,L], and the mean of each clip's vectors [clips,D].
inline std::vector<float> pool_histogram(view<std::int32_t> codes, std::size_t length,
                                         std::size_t code_count)
{
    const std::size_t clips = detail::count(codes.size(), length);
    std::vector<float> out(clips * code_count);
    check(unic_pool_histogram(codes.data(), clips, length, code_count, out.data()));
    return out;
}

inline std::vector<float> pool_mean(view<float> vectors, view<std::int32_t> codes,
                                    std::size_t length, std::size_t dim)
{
    const std::size_t clips = detail::count(vectors.size(), length * dim);
    if (!codes.empty())
        expect(codes.size(), clips * length, "unic::pool_mean: codes");
    std::vector<float> out(clips * dim);
    check(unic_pool_mean(vectors.data(), codes.data(), clips, length, dim, out.data()));
    return out;
}

struct neighbours { // [Q,k] each
    std::vector<std::int64_t> ids;
    std::vector<float> scores;
};

class index : public detail::handle<unic_index, unic_index_free>
{
  public:
    using handle::handle;
    explicit index(unic_index_options options)
        : handle(detail::result(unic_index_create, options))
    {
    }
    static index load(std::string_view path, unic_open_options options = {})
    {
        return index(detail::result(unic_index_load, path, options));
    }
    static index load(const source &from, unic_open_options options = {})
    {
        return index(from.open(unic_index_load_source, options));
    }
    std::size_t item_count() const { return ask(unic_index_item_count); }
    std::size_t dim() const { return ask(unic_index_dim); }
    std::int32_t metric() const { return ask(unic_index_metric_of); }
    view<float> vectors() const { return {ask(unic_index_vectors), item_count() * dim()}; }
    view<std::int64_t> ids() const { return {ask(unic_index_ids), item_count()}; }
    void add(const array &vectors, view<std::int64_t> ids = {})
    {
        if (!ids.empty())
            expect(ids.size(), vectors.dim(0), "unic::index: ids");
        run(unic_index_add, vectors, ids);
    }
    void reserve(std::size_t item_count) { run(unic_index_reserve, item_count); }
    void update(const array &vectors, view<std::int64_t> ids)
    {
        expect(ids.size(), vectors.dim(0), "unic::index: ids");
        run(unic_index_update, vectors, ids);
    }
    void remove(view<std::int64_t> ids) { run(unic_index_remove, ids, ids.size()); }
    neighbours search(const array &queries, std::size_t k, unic_search_options options = {},
                      progress_fn f = {}) const
    {
        neighbours found{std::vector<std::int64_t>(queries.dim(0) * k), {}};
        found.scores.resize(found.ids.size());
        detail::progress watcher{std::move(f)};
        watcher.settle(ask(unic_index_search, queries, k, detail::with(watcher, options),
                           found.ids.data(), found.scores.data()));
        return found;
    }
    std::vector<std::int64_t> rank(const array &queries, view<std::int64_t> ids,
                                   unic_search_options options = {}, progress_fn f = {}) const
    {
        expect(ids.size(), queries.dim(0), "unic::index: ids");
        std::vector<std::int64_t> ranks(ids.size());
        detail::progress watcher{std::move(f)};
        watcher.settle(
            ask(unic_index_rank, queries, ids, detail::with(watcher, options), ranks.data()));
        return ranks;
    }
    void accepts(std::uint64_t fingerprint) const { run(unic_index_accepts, fingerprint); }
    void save(std::string_view path) const { run(unic_index_save, path); }
    void save(const sink &to) const { to.save<const unic_index>(unic_index_save_sink, get()); }
};

class retriever : private detail::watched,
                  public detail::handle<unic_retriever, unic_retriever_free>
{
  public:
    using handle::handle;
    retriever(const codebook &book, unic_retriever_options options, progress_fn progress = {})
        : watched(std::move(progress)),
          handle(detail::result(unic_retriever_create, book, with(options)))
    {
    }
    static retriever load(std::string_view path, unic_open_options options = {})
    {
        return retriever(detail::result(unic_retriever_load, path, options));
    }
    static retriever load(const source &from, unic_open_options options = {})
    {
        return retriever(from.open(unic_retriever_load_source, options));
    }
    unic_retriever_options settings() const { return find(unic_retriever_settings); }
    double fit(view<std::int32_t> codes, std::size_t length, const array &items)
    {
        double loss = 0;
        const std::size_t clips = detail::count(codes.size(), length);
        settle(unic_retriever_fit(&loss, get(), codes.data(), clips, length, items.get()));
        return loss;
    }
    std::vector<float> queries(view<std::int32_t> codes, std::size_t length) const
    {
        const std::size_t clips = detail::count(codes.size(), length);
        return fill<float>(clips * dim(), unic_retriever_queries, codes, clips, length);
    }
    std::vector<float> items(const array &items) const
    {
        return fill<float>(items.dim(0) * dim(), unic_retriever_items, items);
    }
    std::uint64_t fingerprint() const { return ask(unic_retriever_fingerprint); }
    void accepts(std::uint64_t fingerprint) const { run(unic_retriever_accepts, fingerprint); }
    void save(std::string_view path) const { run(unic_retriever_save, path); }
    void save(const sink &to) const
    {
        to.save<const unic_retriever>(unic_retriever_save_sink, get());
    }

  private:
    std::size_t dim() const { return static_cast<std::size_t>(settings().dim); }
};

// With a function to report to it is used by one thread at a time.
class segmenter : private detail::watched,
                  public detail::handle<unic_segmenter, unic_segmenter_free>
{
  public:
    using handle::handle;
    segmenter(const codebook &book, unic_segmenter_options options, progress_fn progress = {})
        : watched(std::move(progress)),
          handle(detail::result(unic_segmenter_create, book, with(options)))
    {
    }
    static segmenter load(std::string_view path, unic_open_options options = {})
    {
        return segmenter(detail::result(unic_segmenter_load, path, options));
    }
    static segmenter load(const source &from, unic_open_options options = {})
    {
        return segmenter(from.open(unic_segmenter_load_source, options));
    }
    unic_segmenter_options settings() const { return find(unic_segmenter_settings); }
    // One array of frames, or a map for each level.
    double step(view<array> images, view<std::int32_t> codes, const array &masks)
    {
        const std::vector<const unic_array *> all = pointers(images);
        const std::size_t length = steps(images, codes);
        double loss = 0;
        settle(unic_segmenter_step(&loss, get(), all.data(), all.size(), codes.data(), length,
                                   masks.get()));
        return loss;
    }
    std::vector<float> predict(view<array> images, view<std::int32_t> codes) const
    {
        const std::vector<const unic_array *> all = pointers(images);
        const std::size_t length = steps(images, codes);
        const unic_segmenter_options o = settings();
        const std::size_t frames = images[0].dim(0) * images[0].dim(1);
        std::vector<float> logits(frames * std::size_t(o.height) * std::size_t(o.width));
        settle(
            ask(unic_segmenter_predict, all.data(), all.size(), codes, length, logits.data()));
        return logits;
    }
    std::uint64_t fingerprint() const { return ask(unic_segmenter_fingerprint); }
    void accepts(std::uint64_t fingerprint) const { run(unic_segmenter_accepts, fingerprint); }
    void save(std::string_view path) const { run(unic_segmenter_save, path); }
    void save(const sink &to) const
    {
        to.save<const unic_segmenter>(unic_segmenter_save_sink, get());
    }

  private:
    static std::vector<const unic_array *> pointers(view<array> images)
    {
        std::vector<const unic_array *> all;
        for (const array &image : images)
            all.push_back(image.get());
        return all;
    }
    static std::size_t steps(view<array> images, view<std::int32_t> codes)
    {
        return detail::count(codes.size(), images.empty() ? 0 : images[0].dim(0));
    }
};

// One of the two lists of a class map: names, or the number of classes "0", "1", ...
struct class_list {
    class_list(std::size_t n) : count(n) {}
    class_list(const std::vector<std::string> &all)
        : names(detail::pointers(all)), count(all.size())
    {
    }
    std::vector<const char *> names; // of the caller's strings
    std::size_t count;
};

class class_map : public detail::handle<unic_class_map, unic_class_map_free>
{
  public:
    class_map(std::string_view text, const class_list &theirs, const class_list &ours)
        : class_map(theirs, ours, [&](unic_class_map **out, const unic_class_names *names) {
              return unic_class_map_parse(out, text.data(), text.size(), nullptr, names);
          })
    {
    }
    static class_map load(std::string_view path, const class_list &theirs,
                          const class_list &ours)
    {
        return {theirs, ours, [&](unic_class_map **out, const unic_class_names *names) {
                    return unic_class_map_load(out, detail::as::c(path), names);
                }};
    }
    std::int32_t target(std::int32_t theirs) const { return ask(unic_class_map_get, theirs); }
    std::vector<std::int32_t> classes(view<std::int32_t> labels) const
    {
        return fill<std::int32_t>(labels.size(), unic_class_map_classes, labels, labels.size());
    }
    std::vector<std::int32_t>
    steps(view<std::int32_t> labels) const // [rows,theirs] to [rows,ours]
    {
        const std::size_t rows = detail::count(labels.size(), their_count_);
        return fill<std::int32_t>(rows * our_count_, unic_class_map_steps, labels, rows);
    }

  private:
    template <class Make>
    class_map(const class_list &theirs, const class_list &ours, Make make)
        : handle(made(theirs, ours, make)), their_count_(theirs.count), our_count_(ours.count)
    {
    }
    template <class Make>
    static unic_class_map *made(const class_list &theirs, const class_list &ours, Make make)
    {
        unic_class_names names{};
        names.theirs = theirs.names.empty() ? nullptr : theirs.names.data();
        names.ours = ours.names.empty() ? nullptr : ours.names.data();
        names.their_count = theirs.count;
        names.our_count = ours.count;
        unic_class_map *map = nullptr;
        check(make(&map, detail::as::c(names)));
        return map;
    }
    std::size_t their_count_, our_count_;
};

// ---- measures of predictions: unic_metrics.h ----

namespace metrics
{

struct class_scores {
    unic_class_report report;
    std::vector<std::int64_t> confusion; // [classes,classes]
    std::vector<double> per_class;
};

inline class_scores classes(view<float> scores, view<std::int32_t> truth,
                            std::size_t class_count)
{
    expect(scores.size(), truth.size() * class_count, "unic::metrics: scores");
    class_scores s{{}, std::vector<std::int64_t>(class_count * class_count), {}};
    s.per_class.resize(class_count);
    s.report = detail::result(unic_metrics_classes, scores, truth, truth.size(), class_count,
                              s.confusion.data(), s.per_class.data());
    return s;
}

inline unic_match_report steps(view<float> scores, view<std::int32_t> truth,
                               std::size_t class_count, float threshold = 0,
                               std::int32_t background = -1)
{
    expect(scores.size(), truth.size(), "unic::metrics: scores");
    return detail::result(unic_metrics_steps, scores, truth,
                          detail::count(truth.size(), class_count), class_count, threshold,
                          background);
}

inline unic_match_report steps_cmg(view<float> scores, view<std::int32_t> truth,
                                   std::size_t class_count, float threshold = 0,
                                   std::size_t batch_rows = 800)
{
    expect(scores.size(), truth.size(), "unic::metrics: scores");
    return detail::result(unic_metrics_steps_cmg, scores, truth,
                          detail::count(truth.size(), class_count), class_count, threshold,
                          batch_rows);
}

inline unic_match_report events(view<float> scores, view<std::int32_t> truth,
                                std::size_t length, std::size_t class_count,
                                float threshold = 0, double least_iou = 0.5,
                                std::int32_t background = -1)
{
    expect(scores.size(), truth.size(), "unic::metrics: scores");
    return detail::result(unic_metrics_events, scores, truth,
                          detail::count(truth.size(), length * class_count), length,
                          class_count, threshold, least_iou, background);
}

inline unic_mask_report masks(view<float> logits, view<std::uint8_t> truth,
                              std::size_t pixel_count, std::vector<double> *curve = nullptr)
{
    expect(logits.size(), truth.size(), "unic::metrics: logits");
    if (curve)
        curve->resize(UNIC_METRICS_THRESHOLD_COUNT);
    return detail::result(unic_metrics_masks, logits, truth,
                          detail::count(truth.size(), pixel_count), pixel_count,
                          curve ? curve->data() : nullptr);
}

inline unic_mask_report masks_cmg(view<float> logits, view<std::uint8_t> truth,
                                  std::size_t pixel_count, std::size_t batch)
{
    expect(logits.size(), truth.size(), "unic::metrics: logits");
    return detail::result(unic_metrics_masks_cmg, logits, truth,
                          detail::count(truth.size(), pixel_count), pixel_count, batch);
}

struct rank_scores {
    unic_rank_report report;
    std::vector<double> recall; // at each k
};

inline rank_scores ranks(view<float> scores, view<std::int32_t> query_ids,
                         view<std::int32_t> gallery_ids, view<std::size_t> k = {})
{
    expect(scores.size(), query_ids.size() * gallery_ids.size(), "unic::metrics: scores");
    rank_scores s{{}, std::vector<double>(k.size())};
    s.report = detail::result(unic_metrics_ranks, scores, query_ids.size(), gallery_ids.size(),
                              query_ids, gallery_ids, k, k.size(), s.recall.data());
    return s;
}

inline rank_scores recall(view<std::int64_t> ranks, view<std::size_t> k = {})
{
    rank_scores s{{}, std::vector<double>(k.size())};
    s.report = detail::result(unic_metrics_recall, ranks, ranks.size(), k, k.size(),
                              s.recall.data());
    return s;
}

struct usage_scores {
    unic_usage_report report;
    std::vector<std::int64_t> counts; // [modalities,L]
    std::vector<double> shares;       // [modalities,L]
    std::vector<double> perplexity;   // [modalities]
};

// `codes` are those of the same steps in each modality.
inline usage_scores usage(const std::vector<view<std::int32_t>> &codes, std::size_t code_count)
{
    std::vector<const std::int32_t *> rows;
    for (const auto &of : codes) {
        expect(of.size(), codes.front().size(), "unic::metrics::usage: codes of a modality");
        rows.push_back(of.data());
    }
    const std::size_t cells = codes.size() * code_count;
    usage_scores s{{}, std::vector<std::int64_t>(cells), std::vector<double>(cells), {}};
    s.perplexity.resize(codes.size());
    s.report = detail::result(unic_metrics_usage, rows.data(), rows.size(),
                              codes.empty() ? 0 : codes.front().size(), code_count,
                              s.counts.data(), s.shares.data(), s.perplexity.data());
    return s;
}

} // namespace metrics

} // namespace unic

#endif
