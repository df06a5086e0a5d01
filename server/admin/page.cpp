#include "server/admin/page.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/http/target.h"
#include "core/http/validators.h"
#include "server/admin/page_files.h"
#include "server/http/problem.h"

namespace roktcached::admin {

namespace {

constexpr std::string_view document = "index.html";

/// A file, ready to be sent.
struct Served {
  std::string_view path;
  std::string_view type;
  std::string entity_tag;
  std::shared_ptr<const std::string> body;
};

std::string_view type_of(std::string_view path) {
  struct Type {
    std::string_view ending;
    std::string_view type;
  };
  static constexpr auto types = std::to_array<Type>({
      {".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".svg", "image/svg+xml"},
  });
  const auto* const found =
      std::ranges::find_if(types, [path](const Type& type) { return path.ends_with(type.ending); });
  return found == types.end() ? "text/plain; charset=utf-8" : found->type;
}

const std::vector<Served>& served_files() {
  static const std::vector<Served> served = [] {
    std::vector<Served> files;
    for (const PageFile& file : page_files()) {
      files.push_back({.path = file.path,
                       .type = type_of(file.path),
                       .entity_tag = http::entity_tag_of(file.bytes),
                       .body = std::make_shared<const std::string>(file.bytes)});
    }
    return files;
  }();
  return served;
}

}  // namespace

http::Answer page_answer(const http::Request& request) {
  const auto target = http::parse_target(request.target);
  if (!target) return problem(target.error(), request.id);
  std::string_view path = target->path;
  path = path == "/" ? document : path.substr(std::min(path.size(), page_folder.size()));
  const auto file = std::ranges::find(served_files(), path, &Served::path);
  if (file == served_files().end()) {
    return problem({ErrorCode::unknown_route, ErrorSource::inbound, false, "the page has no such file"},
                   request.id);
  }
  http::Answer answer;
  answer.field("Cache-Control", "no-cache")
      .field("ETag", file->entity_tag)
      .field("Content-Security-Policy",
             "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
      .field("X-Frame-Options", "DENY")
      .field("Referrer-Policy", "no-referrer");
  if (http::none_match_fails(request.fields, file->entity_tag)) {
    answer.status = 304;
    return answer;
  }
  answer.field("Content-Type", file->type);
  answer.body = file->body;
  return answer;
}

}  // namespace roktcached::admin
