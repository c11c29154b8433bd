//! Compiles the C++ side of the peers that need it.

fn main() {
    println!("cargo::rerun-if-changed=boost/queue.cpp");
    #[cfg(feature = "boost")]
    cc::Build::new().cpp(true).std("c++14").file("boost/queue.cpp").compile("boost_queue");
}
