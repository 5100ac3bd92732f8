# frozen_string_literal: true

require "chef"
require "flock_of_chefs/recipe/resource_key"

RSpec.describe FlockOfChefs::Recipe::ResourceKey do
  def parse(spec) = described_class.parse(spec)

  it "takes type[name], whatever the name contains" do
    ["execute[kill all humans]", "file[/tmp/a]", "apt_update[]", "execute[a[1]]", "execute[echo a, b]",
     "execute[foo --list=a,b]", "bash[two\nlines]", "service[é]"].each { |key| expect(parse(key)).to eq key }
  end

  it "takes { type => name }, also for a name that reads like a list" do
    expect(parse({ "package" => "a,b" })).to eq "package[a,b]"
    expect(parse({ execute: "x" })).to eq "execute[x]"
  end

  it "refuses what Chef's own check lets through" do
    expect { parse("execute") }.to raise_error(ArgumentError, /"execute" is not a resource; write 'type\[name\]'/)
    expect { parse("execute[a,b]") }
      .to raise_error(ArgumentError,
                      /reads like a list; write the word once for each resource, or \{ "execute" => "a,b" \}/)
    expect(Chef::ResourceCollection::ResourceSet.new.validate_lookup_spec!("execute")).to be true
    expect(Chef::ResourceCollection::ResourceSet.new.validate_lookup_spec!("execute[a,b]")).to be true
  end

  it "refuses all else" do
    ["", "[x]", "execute[x", "execute x]", "two words[x]", nil, 7, :sym, {}, { "a" => "b", "c" => "d" }, { "a" => 1 },
     "execute[\xFF]"].each { |spec| expect { parse(spec) }.to raise_error(ArgumentError), spec.inspect }
  end

  it "says what to write in place of a resource object" do
    expect { parse(Chef::Resource::Execute.new("x")) }
      .to raise_error(ArgumentError, /the resource object execute\[x\] is not a resource; write/)
  end

  it "limits the length" do
    expect(parse("file[#{"x" * 4090}]").bytesize).to eq 4096
    expect { parse("file[#{"x" * 4091}]") }.to raise_error(ArgumentError, /has 4097 bytes; at most 4096/)
  end
end
