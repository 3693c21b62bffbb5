/**
 * @file unic_call.hpp
 * How the C interface is called from C++: errors, views of the caller's memory, handles that
 * own, callbacks. unic.hpp includes it.
 */
#ifndef UNICODE_UNIC_CALL_HPP
#define UNICODE_UNIC_CALL_HPP

#if __cplusplus < 201703L && !(defined _MSVC_LANG && _MSVC_LANG >= 201703L)
#error unic.hpp is C++17 (-std=c++17); unic.h is for older standards too
#endif

#include "unic.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace unic
{

// ---- errors ----

// What every failure throws. what() is the library's sentence, or this header's own.
class error : public std::runtime_error
{
  public:
    error(unic_status s, const std::string &what) : std::runtime_error(what), status_(s) {}
    unic_status status() const noexcept { return status_; }
    const char *status_name() const noexcept { return unic_status_name(status_); }

  private:
    unic_status status_;
};

// For calls of the C interface; the message is that of the calling thread.
inline void check(unic_status status)
{
    if (status != UNIC_OK)
        throw error(status, unic_last_error());
}

// What this header checks itself, since the library cannot see it: the size of a view.
inline void expect(std::size_t size, std::size_t wanted, const char *what)
{
    if (size != wanted)
        throw error(UNIC_E_SHAPE, std::string(what) + ": " + std::to_string(size) +
                                      ", expected " + std::to_string(wanted));
}

// ---- what a call reads, in memory of the caller's ----

// Elements of a vector, an array, a list in braces, a std::span, or a pointer and a size.
template <class T> class view
{
  public:
    view() = default;
    view(const T *data, std::size_t size) : data_(data), size_(size) {}
    view(std::initializer_list<T> list) : view(list.begin(), list.size()) {}
    template <class C, class = std::enable_if_t<std::is_convertible_v<
                           decltype(std::data(std::declval<const C &>())), const T *>>>
    view(const C &elements) : view(std::data(elements), std::size(elements))
    {
    }
    const T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const T *begin() const noexcept { return data_; }
    const T *end() const noexcept { return data_ + size_; }
    const T &operator[](std::size_t i) const { return data_[i]; }

  private:
    const T *data_ = nullptr;
    std::size_t size_ = 0;
};

// The dims of an array: {1, steps, width}, of any integers, or a view of them.
class shape
{
  public:
    template <class... N, class = std::enable_if_t<(std::is_integral_v<N> && ...)>>
    shape(N... dims) : shape(view<std::int64_t>{static_cast<std::int64_t>(dims)...})
    {
    }
    shape(const std::vector<std::int64_t> &dims) : shape(view<std::int64_t>(dims)) {}
    shape(view<std::int64_t> dims) : rank_(dims.size())
    {
        if (rank_ > UNIC_MAX_RANK)
            throw error(UNIC_E_SHAPE, "unic::shape: " + std::to_string(rank_) + " dims");
        for (std::size_t i = 0; i < rank_; i++)
            count_ *= static_cast<std::size_t>(dims_[i] = dims[i]);
    }
    int rank() const noexcept { return static_cast<int>(rank_); }
    const std::int64_t *data() const noexcept { return dims_; }
    std::size_t count() const noexcept { return count_; } // of the elements

  private:
    std::size_t rank_, count_ = 1;
    std::int64_t dims_[UNIC_MAX_RANK] = {};
};

struct dtype {
    static constexpr unic_dtype of(const float *) { return UNIC_F32; }
    static constexpr unic_dtype of(const double *) { return UNIC_F64; }
    static constexpr unic_dtype of(const std::int32_t *) { return UNIC_I32; }
    static constexpr unic_dtype of(const std::int64_t *) { return UNIC_I64; }
    static constexpr unic_dtype of(const std::uint64_t *) { return UNIC_U64; }
    static constexpr unic_dtype of(const std::int8_t *) { return UNIC_I8; }
    static constexpr unic_dtype of(const std::uint8_t *) { return UNIC_U8; }
};

// An array: a dense one, whose size is checked if the elements have one, or a filled unic_array.
// Of float16 and bfloat16, which are no types of C++17, the type is named: {bits, UNIC_F16, shape}.
class array
{
  public:
    array(const unic_array &filled) : array_(filled) {}
    template <class T> array(const T *data, const shape &dims)
    {
        unic_array_init(&array_, data, dtype::of(data), dims.rank(), dims.data());
    }
    array(const void *data, unic_dtype type, const shape &dims)
    {
        unic_array_init(&array_, data, type, dims.rank(), dims.data());
    }
    template <class C, class = decltype(std::size(std::declval<const C &>()))>
    array(const C &elements, const shape &dims) : array(std::data(elements), dims)
    {
        expect(std::size(elements), dims.count(), "unic::array: elements");
    }
    const unic_array *get() const noexcept { return &array_; }
    std::size_t dim(int i) const { return i < array_.rank ? std::size_t(array_.dims[i]) : 0; }

  private:
    unic_array array_;
};

// ---- how C is called ----

namespace detail
{

// A text with the zero byte behind it.
class c_string
{
  public:
    explicit c_string(std::string_view view) : text_(view)
    {
        if (view.find('\0') != view.npos)
            throw error(UNIC_E_ARG, "unic: a text holds a zero byte");
    }
    operator const char *() const noexcept { return text_.c_str(); }

  private:
    std::string text_;
};

template <class T, void (*Free)(T *)> class handle;

// An argument as C takes it; options (a structure) get their size.
struct as {
    static c_string c(std::string_view text) { return c_string(text); }
    static c_string c(const std::string &text) { return c_string(text); }
    static const unic_array *c(const array &a) { return a.get(); }
    template <class T> static const T *c(const view<T> &v) { return v.data(); }
    template <class T, void (*F)(T *)> static T *c(const handle<T, F> &h) { return h.get(); }
    template <class T> static std::enable_if_t<std::is_scalar_v<T>, T> c(const T &t)
    {
        return t;
    }
    template <class T> static auto c(T &o) -> decltype(o.struct_size, &std::as_const(o))
    {
        o.struct_size = sizeof o;
        return &o;
    }
};

// The result that C has as first argument: a handle, a number, a report.
template <class R, class... P, class... A> R result(unic_status (*f)(R *, P...), A &&...a)
{
    R r{};
    if constexpr (std::is_class_v<R>)
        r.struct_size = sizeof r;
    check(f(&r, as::c(a)...));
    return r;
}

template <class T, void (*Free)(T *)> class handle
{
  public:
    explicit handle(T *owned) noexcept : owned_(owned) {} // made by a call of the C interface
    T *get() const noexcept { return owned_.get(); }
    explicit operator bool() const noexcept { return owned_ != nullptr; }

  protected:
    template <class F, class... A> void run(F f, A &&...a) const
    {
        check(f(get(), as::c(a)...));
    }
    template <class F, class... A> auto ask(F f, A &&...a) const
    {
        return f(get(), as::c(a)...);
    }
    // A text that there is of every object.
    template <class F> std::string text(F f) const
    {
        const char *said = f(get());
        if (!said)
            throw error(UNIC_E_ARG, "the object was moved from, or freed");
        return said;
    }
    template <class F, class... A> auto find(F f, A &&...a) const
    {
        return result(f, get(), std::forward<A>(a)...);
    }
    // An array of n elements that C fills, which is its last argument.
    template <class E, class F, class... A>
    std::vector<E> fill(std::size_t n, F f, A &&...a) const
    {
        std::vector<E> elements(n);
        run(f, std::forward<A>(a)..., elements.data());
        return elements;
    }
    template <class F, class... A> std::vector<std::int64_t> dims(F f, A &&...a) const
    {
        std::int64_t sizes[UNIC_MAX_RANK];
        return {sizes, sizes + find(f, std::forward<A>(a)..., &sizes[0])};
    }

  private:
    struct deleter {
        void operator()(T *owned) const noexcept { Free(owned); }
    };
    std::unique_ptr<T, deleter> owned_;
};

template <class Name> std::vector<std::string> names(std::size_t count, Name name)
{
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; i++)
        all.emplace_back(name(i));
    return all;
}

inline std::vector<const char *> pointers(view<std::string> texts)
{
    std::vector<const char *> all;
    for (const std::string &text : texts)
        all.push_back(text.c_str());
    return all;
}

// The number of clips or rows of `part` elements each.
inline std::size_t count(std::size_t size, std::size_t part)
{
    if (part == 0 || size % part)
        throw error(UNIC_E_SHAPE, "unic: " + std::to_string(size) +
                                      " elements, expected a multiple of " +
                                      std::to_string(part));
    return size / part;
}

} // namespace detail

// ---- callbacks: true stops, as a result other than 0 does in C. So does an exception, which
// then comes out of the call: none crosses C. ----

using progress_fn =
    std::function<bool(const char *what, std::uint64_t done, std::uint64_t total)>;
using encoded_fn =
    std::function<bool(std::size_t encoder, const unic_batch *batch, const std::int32_t *codes,
                       const float *quantized, const float *semantic)>;

namespace detail
{

template <class... A> struct callback {
    std::function<bool(A...)> function;
    std::exception_ptr thrown = nullptr;
    static int call(A... arguments, void *user) noexcept
    {
        callback *self = static_cast<callback *>(user);
        try {
            return self->function(arguments...) ? 1 : 0;
        } catch (...) {
            self->thrown = std::current_exception();
            return 1;
        }
    }
    void settle(unic_status status) // what a call with this callback returned
    {
        if (thrown)
            std::rethrow_exception(std::exchange(thrown, nullptr));
        check(status);
    }
};
using progress = callback<const char *, std::uint64_t, std::uint64_t>;
using encoded = callback<std::size_t, const unic_batch *, const std::int32_t *, const float *,
                         const float *>;

template <class Options> Options &with(progress &watcher, Options &options)
{
    if (watcher.function) {
        options.progress = progress::call;
        options.progress_user = &watcher;
    }
    return options;
}

// A base of handles that report to the same function again and again.
class watched
{
  protected:
    watched(progress_fn function = {}) : watcher_(new progress{std::move(function)}) {}
    template <class Options> Options &with(Options &o) { return detail::with(*watcher_, o); }
    void settle(unic_status status) const
    {
        watcher_ ? watcher_->settle(status) : check(status);
    }

  private:
    std::unique_ptr<progress> watcher_;
};

} // namespace detail

// ---- what stands for a file ----

// Where a call reads from, in place of a file: memory that stays as it is, or a function, which
// says how many bytes it gave. What it throws comes out of the call that got the source; reads of
// a later call (a model's weights) then fail with UNIC_E_IO.
class source
{
  public:
    using read_fn =
        std::function<std::size_t(void *buffer, std::size_t bytes, std::uint64_t offset)>;
    source(std::size_t size, read_fn read, std::string_view name = "source")
        : state_(new state{std::move(read), nullptr}), size_(size), name_(name)
    {
        // a source that the library refuses is not closed
        if (size > static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max()))
            throw error(UNIC_E_ARG, "unic::source: size " + std::to_string(size) +
                                        " is larger than any file");
    }
    source(const void *data, std::size_t bytes, std::string_view name = "memory")
        : source(
              bytes,
              [data](void *buffer, std::size_t n, std::uint64_t offset) {
                  std::memcpy(buffer, static_cast<const char *>(data) + offset, n);
                  return n;
              },
              name)
    {
    }
    explicit source(view<std::byte> contents, std::string_view name = "memory")
        : source(contents.data(), contents.size(), name)
    {
    }
    // f(out, source, ...), which reads it.
    template <class R, class... P, class... A>
    R *open(unic_status (*f)(R **, const unic_source *, P...), A &&...a) const
    {
        R *opened = nullptr;
        read(&opened, f, std::forward<A>(a)...);
        return opened;
    }
    // f(into, source, ...): the same into a handle that there is.
    template <class T, class... P, class... A>
    void read(T *into, unic_status (*f)(T *, const unic_source *, P...), A &&...a) const
    {
        const unic_source c = get();
        const unic_status status = f(into, &c, detail::as::c(a)...);
        rethrow();
        check(status);
    }
    // Several of them for one call of the C interface.
    class list
    {
      public:
        explicit list(view<source> of) : of_(of)
        {
            for (const source &one : of_)
                structs_.push_back(one.get());
            for (const unic_source &one : structs_)
                pointers_.push_back(&one);
        }
        const unic_source *const *data() const noexcept { return pointers_.data(); }
        unic_status settle(unic_status status) const // what the call returned
        {
            for (const source &one : of_)
                one.rethrow();
            return status;
        }

      private:
        view<source> of_;
        std::vector<unic_source> structs_;
        std::vector<const unic_source *> pointers_;
    };
    // For calls of the C interface, which close it.
    unic_source get() const
    {
        unic_source c{};
        c.struct_size = sizeof c;
        c.name = name_.c_str();
        c.size = static_cast<std::int64_t>(size_);
        c.read_at = read_at;
        c.close = close;
        c.user = new std::shared_ptr<state>(state_);
        return c;
    }

  private:
    struct state {
        read_fn read;
        std::exception_ptr thrown;
    };
    void rethrow() const
    {
        if (state_->thrown)
            std::rethrow_exception(std::exchange(state_->thrown, nullptr));
    }
    static std::int64_t read_at(void *buffer, std::size_t bytes, std::int64_t offset,
                                void *user) noexcept
    {
        state &self = **static_cast<std::shared_ptr<state> *>(user);
        try {
            return static_cast<std::int64_t>(
                self.read(buffer, bytes, static_cast<std::uint64_t>(offset)));
        } catch (...) {
            self.thrown = std::current_exception();
            return -UNIC_E_IO;
        }
    }
    static void close(void *user) noexcept
    {
        delete static_cast<std::shared_ptr<state> *>(user);
    }
    std::shared_ptr<state> state_;
    std::size_t size_;
    std::string name_;
};

// Memory that grows: what the last save to it wrote, if that succeeded.
class buffer : public detail::handle<unic_buffer, unic_buffer_free>
{
  public:
    using handle::handle;
    buffer() : handle(detail::result(unic_buffer_create)) {}
    view<std::byte> bytes() const // until the next save
    {
        return {static_cast<const std::byte *>(ask(unic_buffer_data)),
                ask(unic_buffer_byte_count)};
    }
};

// Where a call writes to, in place of a file: a buffer, or functions, of which `finish` is told
// that all was written, or else `abandon` that it is to be thrown away. What they throw comes
// out of the call.
class sink
{
  public:
    using write_fn = std::function<void(const void *data, std::size_t bytes)>;
    sink(const buffer &to) { unic_buffer_sink(&to_, to.get()); }
    explicit sink(write_fn write, std::function<void()> finish = {},
                  std::function<void()> abandon = {}, std::string_view name = "sink")
        : state_(new state{std::move(write), std::move(finish), std::move(abandon),
                           std::string(name), nullptr})
    {
        to_.struct_size = sizeof to_;
        to_.name = state_->name.c_str();
        to_.write = [](const void *data, std::size_t bytes, void *user) noexcept {
            return call(user, [&](state &s) { s.write(data, bytes); });
        };
        to_.finish = [](void *user) noexcept {
            return call(user, [](state &s) { s.finish ? s.finish() : void(); });
        };
        to_.abandon = [](void *user) noexcept {
            call(user, [](state &s) { s.abandon ? s.abandon() : void(); });
        };
        to_.user = state_.get();
    }
    // f(what, sink), which writes to it.
    template <class T> void save(unic_status (*f)(T *, const unic_sink *), T *what) const
    {
        const unic_status status = f(what, &to_);
        if (state_ && state_->thrown)
            std::rethrow_exception(std::exchange(state_->thrown, nullptr));
        check(status);
    }
    const unic_sink *get() const noexcept { return &to_; }

  private:
    struct state {
        write_fn write;
        std::function<void()> finish, abandon;
        std::string name;
        std::exception_ptr thrown;
    };
    template <class F> static int call(void *user, F f) noexcept
    {
        state &self = *static_cast<state *>(user);
        try {
            f(self);
            return 0;
        } catch (...) {
            self.thrown = std::current_exception();
            return UNIC_E_IO;
        }
    }
    unic_sink to_{};
    std::shared_ptr<state> state_;
};

} // namespace unic

#endif
