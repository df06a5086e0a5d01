#include "server/exchange/streaming.h"

#include <boost/asio/co_spawn.hpp>
#include <variant>

#include "core/caching/http_rules.h"
#include "server/asio.h"
#include "server/exchange/report_body.h"

namespace roktcached::exchange {

namespace {

class StreamedContent final : public inbound::ContentSource {
 public:
  explicit StreamedContent(std::shared_ptr<upstream::AnswerStream> stream) : stream_(std::move(stream)) {}
  ~StreamedContent() override { stream_->abandon(); }

  [[nodiscard]] asio::awaitable<Result<std::optional<std::string>>> next() override {
    upstream::AnswerStream::Piece piece = co_await stream_->read();
    if (auto* const data = std::get_if<std::string>(&piece)) co_return std::optional(std::move(*data));
    const auto* const end = std::get_if<upstream::AnswerEnd>(&piece);
    if (end != nullptr && end->error) co_return *end->error;
    co_return std::optional<std::string>();
  }

 private:
  std::shared_ptr<upstream::AnswerStream> stream_;
};

/// A coroutine of its own: what is read has to live until it is over, though nobody may wait for it any more.
asio::awaitable<Result<std::string>> next_of(upstream::LargeContentPtr content) {
  co_return co_await content->next();
}

class LargeContentSource final : public inbound::ContentSource {
 public:
  LargeContentSource(asio::any_io_executor desk, upstream::LargeContentPtr content)
      : desk_(std::move(desk)), content_(std::move(content)) {
    if (content_->may_be_cut()) json_.emplace();
  }

  [[nodiscard]] asio::awaitable<Result<std::optional<std::string>>> next() override {
    auto reading = next_of(content_);
    Result<std::string> piece = co_await asio::co_spawn(desk_, std::move(reading), asio::use_awaitable);
    if (!piece) co_return piece.error();
    if (json_) json_->read(*piece);
    if (!piece->empty()) co_return std::optional(std::move(*piece));
    const bool cut = json_ && json_->state() == ReportBodyReader::State::incomplete;
    if (cut)
      co_return Error{ErrorCode::upstream_invalid_response, ErrorSource::exchange, true,
                      "the connection ended in the middle of the content"};
    co_return std::optional<std::string>();
  }

 private:
  asio::any_io_executor desk_;
  upstream::LargeContentPtr content_;
  std::optional<ReportBodyReader> json_;  // tells an end from a loss, where nothing else does
};

}  // namespace

asio::awaitable<std::optional<upstream::AnswerHead>> read_beginning(const inbound::Request& request,
                                                                    upstream::AnswerStream& stream) {
  while (true) {
    upstream::AnswerStream::Piece piece = co_await stream.read();
    if (auto* const interim = std::get_if<upstream::InterimAnswer>(&piece)) {
      if (request.interim == nullptr) continue;
      http::Fields fields = caching::storable_fields(interim->fields);
      fields.remove("Set-Cookie");
      co_await request.interim->send_interim(interim->status, fields);
      continue;
    }
    std::optional<upstream::AnswerHead> head;
    if (auto* const begun = std::get_if<upstream::AnswerHead>(&piece)) head = std::move(*begun);
    co_return head;
  }
}

std::shared_ptr<inbound::ContentSource> content_of(std::shared_ptr<upstream::AnswerStream> stream) {
  return std::make_shared<StreamedContent>(std::move(stream));
}

std::shared_ptr<inbound::ContentSource> content_of(asio::any_io_executor desk,
                                                   upstream::LargeContentPtr content) {
  return std::make_shared<LargeContentSource>(std::move(desk), std::move(content));
}

}  // namespace roktcached::exchange
