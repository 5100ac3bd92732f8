module BenderCookbook
  class HumanApi
    include Celluloid

    def killed_all_humans?
      Humans.destroy!
    end
  end
end
BenderCookbook::HumanApi.supervise_as :human_api
