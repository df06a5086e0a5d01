#include <gtest/gtest.h>

#include "core/http/target.h"

namespace roktcached::http {
namespace {

const std::vector<std::string> hosts = {"api.example", "127.0.0.1:8080"};

std::optional<std::string> resolve(std::string_view reference) {
  return resolve_reference(reference, "/a/b/c?q=1", hosts);
}

TEST(ResolveReference, FindsTargetsOfThisServer) {
  struct Case {
    const char* reference;
    const char* target;
  };
  for (const Case& one : {Case{"/x", "/x"},
                          Case{"/x?y=2#z", "/x?y=2"},
                          Case{"d", "/a/b/d"},
                          Case{"./d", "/a/b/d"},
                          Case{"../d", "/a/d"},
                          Case{"../../../d", "/d"},
                          Case{"..", "/a/"},
                          Case{"?y", "/a/b/c?y"},
                          Case{"", "/a/b/c?q=1"},
                          Case{"#f", "/a/b/c?q=1"},
                          Case{"http://api.example/x", "/x"},
                          Case{"https://API.example", "/"},
                          Case{"//127.0.0.1:8080/x/../y", "/y"},
                          Case{"/x?u=http://other/", "/x?u=http://other/"},
                          Case{"/x?", "/x?"},
                          Case{"/x?y[]=1", "/x?y[]=1"},
                          Case{"/x%2Fy/../z", "/z"},
                          Case{"/x%2fy", "/x%2fy"},
                          Case{"/a[1]", "/a[1]"},
                          Case{"/x//y", "/x//y"},
                          Case{"//api.example//y", "//y"},
                          Case{"//api.example?y", "/?y"},
                          Case{" /x ", "/x"},
                          Case{"./d:e", "/a/b/d:e"}}) {
    EXPECT_EQ(resolve(one.reference), one.target) << one.reference;
  }
}

TEST(ResolveReference, FindsNothingElsewhereOrMalformed) {
  for (const char* other :
       {"http://other.example/x", "//other.example/x", "http://api.example:81/x", "//u@api.example/x", "/a b",
        "/%zz", "mailto:x", "d:e", "/\x7f", "/x\xc3\xa4", "http://", "/x\ny"})
    EXPECT_FALSE(resolve(other)) << other;
}

}  // namespace
}  // namespace roktcached::http
