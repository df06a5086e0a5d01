#include "server/admin/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "server/admin/page_document.h"

namespace roktcached::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

http::Answer page_for(std::string_view known_tag = "") {
  http::Request request;
  request.method = "GET";
  request.target = "/";
  if (!known_tag.empty()) request.fields.add("If-None-Match", known_tag);
  return page_answer(request);
}

std::string field_of(const http::Answer& answer, const std::string& name) {
  std::smatch found;
  return std::regex_search(answer.head, found, std::regex(name + ": ([^\r]*)\r\n")) ? found[1].str() : "";
}

std::size_t count_of(const std::string& text, const std::string& pattern) {
  const std::regex sought(pattern);
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), sought), std::sregex_iterator()));
}

TEST(Page, IsADocumentThatLoadsNothing) {
  const http::Answer answer = page_for();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(field_of(answer, "Content-Type"), "text/html; charset=utf-8");
  const std::string document(answer.whole_content());
  EXPECT_EQ(count_of(document, "<(script|link|img)[^>]* (src|href)=\"(?!data:)"), 0U);
  EXPECT_EQ(count_of(document, "(src|href)=\"(https?:)?//"), 0U);
  EXPECT_THAT(document, Not(HasSubstr("import ")));
}

TEST(Page, RunsItsOwnScriptsAlone) {
  const http::Answer answer = page_for();
  const std::string policy = field_of(answer, "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  const std::string document(answer.whole_content());
  const std::size_t elements = count_of(document, "<(script|style)>");
  EXPECT_EQ(elements, 4U);
  EXPECT_EQ(count_of(policy, "'sha256-[A-Za-z0-9+/]{43}='"), elements);
}

TEST(Page, IsNotSentAgainToABrowserThatHasIt) {
  const std::string tag = field_of(page_for(), "ETag");
  ASSERT_FALSE(tag.empty());
  const http::Answer again = page_for(tag);
  EXPECT_EQ(again.status, 304U);
  EXPECT_EQ(again.body, nullptr);
  EXPECT_EQ(field_of(again, "ETag"), tag);
  EXPECT_EQ(page_for("\"another\"").status, 200U);
}

TEST(Page, IsSmall) {
  EXPECT_LT(page_document().size(), 150 * 1024);
}

TEST(Page, MakesNoMarkupFromValues) {
  const std::string document(page_document());
  const std::string own = document.substr(document.find("const modules = {}"));
  ASSERT_THAT(own, HasSubstr("modules.page"));
  for (const char* const way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("})
    EXPECT_THAT(own, Not(HasSubstr(way)));
}

}  // namespace
}  // namespace roktcached::admin
