// Questions and answers over two channels. Include <leat/leat.hpp>.
#ifndef LEAT_REQUEST_HPP
#define LEAT_REQUEST_HPP

#include <leat/channel.hpp>
#include <leat/request.h>

namespace leat {

// ---- questions and answers ----------------------------------------------------------------------------------------------

/// An answer, or a question as its replier sees it: a copy of its bytes and what the channel knows of it.
struct letter {
    std::vector<std::byte> content;
    leat_message info{}; ///< info.data points into `content`
    leat::bytes data() const noexcept
    {
        return {content.data(), content.size()};
    }
};

class requester {
  public:
    explicit requester(const std::string &requests, const std::string &replies, std::size_t largest_answer = 65536)
        : requester(requests, replies, nullptr, largest_answer)
    {
    }
    requester(const std::string &requests, const std::string &replies, const channel_options &options,
              std::size_t largest_answer = 65536)
        : requester(requests, replies, &options, largest_answer)
    {
    }

    /// Asks and waits. Empty: no answer within `limit`.
    std::optional<letter> request(bytes question, nanoseconds limit)
    {
        leat_message answer;
        const int code = leat_request(handle_.get(), question.data(), question.size(), buffer_.data(), buffer_.size(),
                                      &answer, limit.count());
        return taken(code, answer);
    }

    /// Asks without waiting; the question's tag. Empty: no room, or too many are open.
    std::optional<std::uint64_t> send(bytes question, nanoseconds limit)
    {
        std::uint64_t tag = 0;
        const int code = leat_requester_send(handle_.get(), question.data(), question.size(), limit.count(), &tag);
        return detail::transferred(code) ? std::optional<std::uint64_t>(tag) : std::nullopt;
    }

    enum class outcome { answered, expired, too_large, nothing };

    /// What happens next to a question of send(); answer.info.tag says to which. nothing: within `timeout`, or none is open.
    outcome receive(letter &answer, nanoseconds timeout = forever)
    {
        const int code =
            leat_requester_receive(handle_.get(), buffer_.data(), buffer_.size(), &answer.info, timeout.count());
        if (code == LEAT_EAGAIN)
            return outcome::nothing;
        if (code == LEAT_ETIMEDOUT || code == LEAT_ETOOBIG)
            return code == LEAT_ETIMEDOUT ? outcome::expired : outcome::too_large;
        detail::transferred(code);
        fill(answer);
        return outcome::answered;
    }

    /// Asks everybody, and hands each answer to `each(const letter &)` until the deadline. How many there were; those that are
    /// larger than `largest_answer` are passed over. Empty: no room.
    template <typename Each> std::optional<std::size_t> survey(bytes question, nanoseconds deadline, Each &&each)
    {
        std::uint64_t tag = 0;
        const int sent = leat_survey(handle_.get(), question.data(), question.size(), deadline.count(), &tag);
        if (!detail::transferred(sent))
            return std::nullopt;
        const open_survey open{handle_.get(), tag};
        std::size_t answers = 0;
        letter answer;
        for (;;) {
            const int code =
                leat_survey_next(handle_.get(), tag, buffer_.data(), buffer_.size(), &answer.info, LEAT_FOREVER);
            if (code == LEAT_ETIMEDOUT)
                return answers;
            if (code == LEAT_ETOOBIG || code == LEAT_EAGAIN)
                continue;
            detail::transferred(code);
            fill(answer);
            answers++;
            each(std::as_const(answer));
        }
    }

    void forget(std::uint64_t tag) noexcept
    {
        leat_requester_forget(handle_.get(), tag);
    }
    std::uint64_t ignored() const noexcept
    {
        return leat_requester_ignored(handle_.get());
    }
    leat_requester *native() const noexcept
    {
        return handle_.get();
    }

  private:
    struct open_survey { // given up when each() throws
        leat_requester *requester;
        std::uint64_t tag;
        ~open_survey()
        {
            leat_requester_forget(requester, tag);
        }
    };

    requester(const std::string &requests, const std::string &replies, const leat_channel_options *options,
              std::size_t largest)
        : buffer_(largest)
    {
        leat_requester *made = nullptr;
        detail::opened(leat_requester_open(&made, requests.c_str(), replies.c_str(), options));
        handle_.reset(made);
    }

    void fill(letter &answer) const
    {
        answer.content.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(answer.info.len));
        answer.info.data = answer.content.data();
    }

    std::optional<letter> taken(int code, const leat_message &info) const
    {
        if (!detail::transferred(code))
            return std::nullopt;
        letter answer;
        answer.info = info;
        fill(answer);
        return answer;
    }

    std::unique_ptr<leat_requester, detail::closer<leat_requester, leat_requester_close>> handle_;
    std::vector<std::byte> buffer_;
};

class replier {
  public:
    explicit replier(const std::string &requests, const std::string &replies) : replier(requests, replies, nullptr)
    {
    }
    replier(const std::string &requests, const std::string &replies, const channel_options &options)
        : replier(requests, replies, &options)
    {
    }

    /// The next question. False: none within the timeout. Keep question.info.tag for the answer.
    bool next(letter &question, nanoseconds timeout = forever)
    {
        std::vector<std::byte> &content = question.content;
        int code = leat_replier_next(handle_.get(), content.data(), content.size(), &question.info, timeout.count());
        while (code == LEAT_ETOOBIG) {
            content.resize(static_cast<std::size_t>(question.info.len));
            code = leat_replier_next(handle_.get(), content.data(), content.size(), &question.info, timeout.count());
        }
        const bool got = detail::transferred(code);
        content.resize(got ? static_cast<std::size_t>(question.info.len) : 0);
        question.info.data = content.data();
        return got;
    }

    /// Answers the question that had this tag. False: no room in time.
    bool reply(std::uint64_t tag, bytes answer, nanoseconds timeout = forever)
    {
        return detail::transferred(leat_reply(handle_.get(), tag, answer.data(), answer.size(), timeout.count()));
    }

    leat_replier *native() const noexcept
    {
        return handle_.get();
    }

  private:
    replier(const std::string &requests, const std::string &replies, const leat_channel_options *options)
    {
        leat_replier *made = nullptr;
        detail::opened(leat_replier_open(&made, requests.c_str(), replies.c_str(), options));
        handle_.reset(made);
    }

    std::unique_ptr<leat_replier, detail::closer<leat_replier, leat_replier_close>> handle_;
};

} // namespace leat

#endif
