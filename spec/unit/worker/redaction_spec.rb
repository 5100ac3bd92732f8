# frozen_string_literal: true

require "support/worker_chef"
require "flock_of_chefs/worker/redaction"

RSpec.describe FlockOfChefs::Worker::Redaction do
  let(:run_context) { WorkerChef.run_context }

  def file(name = "/etc/motd", &block) = WorkerChef.declare(run_context, :file, name, &block)

  def message(error, *resources) = described_class.message(error, resources)

  def caught
    yield
  rescue StandardError => e
    e
  end

  it "gives the class and the first line" do
    expect(message(ArgumentError.new("wrong\nSTDOUT: everything"))).to eq("ArgumentError: wrong")
  end

  it "hides property values, but not the resource's name" do
    resource = file do
      content "line one\nline two"
      owner "fry"
    end
    text = message(RuntimeError.new("/etc/motd: cannot write line two for fry, frying"), resource)
    expect(text).to eq("RuntimeError: /etc/motd: cannot write [hidden] for [hidden], frying")
  end

  it "hides values inside hashes and arrays" do
    resource = WorkerChef.declare(run_context, :execute, "x") { environment("TOKEN" => "abcdef", "LIST" => "ghijkl") }
    expect(message(RuntimeError.new("abcdef, ghijkl, 4711"), resource)).to eq("RuntimeError: [hidden], [hidden], 4711")
  end

  it "hides lazy values, too" do
    resource = file { content(lazy { "of the moment" }) }
    expect(message(RuntimeError.new("not of the moment"), resource)).to eq("RuntimeError: not [hidden]")
  end

  it "hides what Ruby quotes" do
    expect(message(caught { "pass\"word".nope })).not_to include("word")
    expect(message(caught { Integer("hunter2") })).to eq("ArgumentError: invalid value for Integer(): [hidden]")
    expect(message(caught { "hunter2" << "x" })).not_to include("hunter2")
  end

  it "hides inspected objects, even when Ruby cut them off" do
    text = message(RuntimeError.new("undefined method for #<Hero @token=1"))
    expect(text).to eq("RuntimeError: undefined method for [hidden]")
  end

  it "hides what follows an inspected object, since objects nest" do
    text = message(RuntimeError.new("undefined method for #<A @b=#<B @c={:d=>1}>, @token=:hush> in x"))
    expect(text).to eq("RuntimeError: undefined method for [hidden]")
  end

  it "tells the class only when any of the resources is sensitive, or cannot say" do
    open = file
    expect(message(RuntimeError.new("x"), open, file { sensitive true })).to eq("RuntimeError")
    expect(message(RuntimeError.new("x"), open, file { sensitive(lazy { Integer("no") }) })).to eq("RuntimeError")
  end

  it "stays within 1 KiB of valid text" do
    text = message(RuntimeError.new("\xFF#{"ö" * 2000}"))
    expect([text.bytesize <= 1024, text.valid_encoding?]).to eq([true, true])
  end

  it "copes with an error without a message" do
    expect(message(RuntimeError.new(""))).to eq("RuntimeError: ")
  end
end
