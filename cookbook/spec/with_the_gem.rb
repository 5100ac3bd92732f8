require 'spec_helper'
require_relative '../libraries/wrapper'

# The resources, with the gem there; `enrolled` says what data_dir /flock/data holds.
RSpec.shared_context 'with the gem' do
  platform 'debian'

  let(:gem_spec) { Gem::Specification.new('flock_of_chefs', '0.1.0') }
  let(:enrolled) { false }
  # identity.json, where there is one
  let(:identity) { {} }
  let(:identity_file) { '/flock/data/identity/identity.json' }

  before do
    allow(Gem::Specification).to receive(:find_by_name).and_call_original
    allow(Gem::Specification).to receive(:find_by_name).with('flock_of_chefs', any_args) do
      gem_spec || raise(Gem::MissingSpecError.new('flock_of_chefs', '>= 0'))
    end
    allow(File).to receive(:exist?).and_call_original
    allow(File).to receive(:exist?).with(identity_file).and_return(enrolled)
    allow(FlockOfChefsCookbook::Wrapper).to receive(:free?).and_return(true)
    allow(File).to receive(:read).and_call_original
    allow(File).to receive(:read).with(identity_file) { enrolled ? JSON.generate(identity) : raise(Errno::ENOENT) }
  end

  # What agent.toml has when all resources have run.
  def toml
    chef_run.find_resource(:file, 'agent.toml of flock_agent[default]').content
  end
end
