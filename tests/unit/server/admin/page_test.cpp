#include "server/admin/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <regex>

#include "server/admin/page_files.h"

namespace roktcached::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

http::Answer answer_to(std::string target, std::string_view known_tag = "") {
  http::Request request;
  request.method = "GET";
  request.target = std::move(target);
  if (!known_tag.empty()) request.fields.add("If-None-Match", known_tag);
  return page_answer(request);
}

std::string field_of(const http::Answer& answer, const std::string& name) {
  std::smatch found;
  return std::regex_search(answer.head, found, std::regex(name + ": ([^\r]*)\r\n")) ? found[1].str() : "";
}

TEST(Page, IsADocumentThatLoadsNothingFromElsewhere) {
  const http::Answer answer = answer_to("/");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(field_of(answer, "Content-Type"), "text/html; charset=utf-8");
  const std::string policy = field_of(answer, "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("script-src 'self'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_THAT(std::string(answer.whole_content()), Not(testing::ContainsRegex("(src|href)=\"(https?:)?//")));
}

TEST(Page, HasEachFileThatItsDocumentNames) {
  const std::string document(answer_to("/").whole_content());
  const std::regex reference("(?:src|href)=\"(page/[^\"]+)\"");
  std::size_t files = 0;
  for (auto found = std::sregex_iterator(document.begin(), document.end(), reference);
       found != std::sregex_iterator(); ++found, ++files) {
    EXPECT_EQ(answer_to("/" + (*found)[1].str()).status, 200U) << (*found)[1];
  }
  EXPECT_GE(files, 4U);
}

TEST(Page, NamesTheTypeOfEachFile) {
  EXPECT_EQ(field_of(answer_to("/page/page.js"), "Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(field_of(answer_to("/page/page.css?v=1"), "Content-Type"), "text/css; charset=utf-8");
  EXPECT_EQ(field_of(answer_to("/page/icon.svg"), "Content-Type"), "image/svg+xml");
}

TEST(Page, IsNotSentAgainToABrowserThatHasIt) {
  const std::string tag = field_of(answer_to("/"), "ETag");
  ASSERT_FALSE(tag.empty());
  const http::Answer again = answer_to("/", tag);
  EXPECT_EQ(again.status, 304U);
  EXPECT_EQ(again.body, nullptr);
  EXPECT_EQ(field_of(again, "ETag"), tag);
  EXPECT_EQ(answer_to("/", "\"another\"").status, 200U);
}

TEST(Page, HasNoOtherFiles) {
  for (const char* const target : {"/page/", "/page/nothing.js", "/page/../admin.cpp", "/page/uplot/LICENSE"})
    EXPECT_EQ(answer_to(target).status, 404U) << target;
}

TEST(Page, IsSmall) {
  const auto files = page_files();
  const std::size_t bytes =
      std::accumulate(files.begin(), files.end(), std::size_t{0},
                      [](std::size_t sum, const PageFile& file) { return sum + file.bytes.size(); });
  EXPECT_LT(bytes, 150 * 1024);
}

TEST(Page, MakesNoMarkupFromValues) {
  for (const PageFile& file : page_files()) {
    if (file.path.starts_with("uplot/")) continue;
    for (const char* const way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("})
      EXPECT_THAT(std::string(file.bytes), Not(HasSubstr(way))) << file.path;
  }
}

}  // namespace
}  // namespace roktcached::admin
