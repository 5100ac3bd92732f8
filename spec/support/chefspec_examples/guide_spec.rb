# frozen_string_literal: true

require_relative "examples_helper"
require_relative "../guide"

# docs/chefspec.md, as it stands there, around recipes that do what it expects.
RSpec.describe "docs/chefspec.md" do
  platform "debian"

  root = Guide::ROOT
  helper, matchers, stubs, *rest = Guide.examples("docs/chefspec.md").select { |one| one.language == "ruby" }

  define_method(:evaluate) do |example|
    instance_eval(example.text, File.join(root, example.file), example.line)
  end

  it "has three examples: what is required, matchers, stubs" do
    expect([helper, matchers, stubs].map { |one| one.text[/require|to remote_notify|stub_flock_call/] })
      .to eq(["require", "to remote_notify", "stub_flock_call"])
    expect(rest).to eq([])
  end

  it("begins with a helper: #{helper}") { expect { evaluate(helper) }.not_to raise_error }

  context "with a recipe that uses the words" do
    recipe do
      file "/tmp/fubar" do
        remote_subscribes :create, "execute[kill all humans]", node: "bender0"
        remote_notifies :reload, "service[nginx]", :delayed, roles: "web", environment: "production"
      end
      cookbook_file "/srv/app/release" do
        action :nothing
        remote_notifies :run, "execute[migrate]", node: "db1", retry: 1
      end
    end

    it("has matchers: #{matchers}") { expect { evaluate(matchers) }.not_to raise_error }
  end

  context "with a recipe that asks" do
    recipe do
      file("/tmp/left") { content FlockOfChefs["bender"][:human_api].count("earth").to_s }
    end

    it("has stubs: #{stubs}") { expect { evaluate(stubs) }.not_to raise_error }
  end
end
